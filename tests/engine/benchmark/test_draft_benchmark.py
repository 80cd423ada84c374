"""The draft renderer's benchmark."""

import numpy as np
import pytest

from engine.benchmark.draft import run_draft_benchmark
from engine.benchmark.drawn_media import write_drawn_still
from engine.media.opencv import cv2
from engine.protocol.errors import ErrorCode, UserError


def test_it_measures_drawn_media_without_any_file(monkeypatch):
    monkeypatch.setattr("engine.benchmark.draft.DRAWN_CLIP_FRAMES", 8)

    result = run_draft_benchmark(width=320, height=180, frame_count=6)

    assert (result.width, result.height, result.drawn_frames, result.analysed_frames) == (320, 180, 6, 8)
    assert result.drawn_per_s > 0.0
    assert result.analysed_per_s > 0.0


def test_a_still_without_a_face_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.benchmark.draft.DRAWN_CLIP_FRAMES", 2)
    path = tmp_path / "wall.png"
    path.write_bytes(cv2.imencode(".png", np.full((90, 160, 3), 99, np.uint8))[1].tobytes())

    with pytest.raises(UserError) as caught:
        run_draft_benchmark(still=path, frame_count=2)

    assert caught.value.report.code is ErrorCode.NO_FACE
    assert "wall.png" in caught.value.report.message


def test_a_drawn_still_has_the_size_asked_for(tmp_path):
    write_drawn_still(tmp_path / "still.png", 320, 180)

    assert cv2.imdecode(np.fromfile(tmp_path / "still.png", np.uint8), cv2.IMREAD_COLOR).shape == (
        180,
        320,
        3,
    )
