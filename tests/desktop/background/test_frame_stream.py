"""Frames run ahead of the playhead, within bounds."""

import numpy as np
import pytest

from desktop.background import frame_stream
from desktop.background.frame_stream import FrameStream
from engine.protocol.errors import UserError
from tests.desktop.hands import wait_until


def picture(frame):
    return np.full((4, 6, 3), frame, dtype=np.uint8)


@pytest.fixture
def stream(qt_application):
    made = FrameStream(picture, frame_count=30)
    yield made
    made.close()
    made.wait()
    assert made.ended


def test_frames_are_computed_ahead_from_the_playhead(stream):
    stream.seek(10, loops=False)
    wait_until(lambda: stream.image(29) is not None)
    assert stream.image(10).pixelColor(0, 0).red() == 10
    assert stream.frames_ahead() == 20


def test_a_loop_goes_on_at_the_first_frame(stream):
    stream.seek(28, loops=True)
    wait_until(lambda: stream.frames_ahead() >= 5)
    assert stream.image(2) is not None


def test_the_cache_is_bounded_and_keeps_what_comes_next(qt_application, monkeypatch):
    monkeypatch.setattr(frame_stream, "CACHE_BYTES", 1)
    stream = FrameStream(picture, frame_count=100)
    stream.seek(0, loops=False)
    wait_until(lambda: stream.frames_ahead() == frame_stream.FEWEST_FRAMES)
    stream.seek(50, loops=False)
    wait_until(lambda: stream.frames_ahead() == frame_stream.FEWEST_FRAMES)
    assert stream.image(0) is None
    assert stream.image(50) is not None
    stream.close()
    stream.wait()


def test_a_source_that_fails_is_told_once(qt_application):
    def broken(frame):
        raise UserError("The file is gone.", next_step="Put it back.")

    reports = []
    stream = FrameStream(broken, frame_count=3)
    stream.stream_failed.connect(reports.append)
    stream.seek(0, loops=False)
    wait_until(lambda: stream.ended)
    wait_until(lambda: reports)
    assert [report.message for report in reports] == ["The file is gone."]
