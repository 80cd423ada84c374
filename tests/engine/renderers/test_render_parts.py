"""Fingerprints, the order of pictures, previews and what is remembered between attempts."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.media.opencv import cv2
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RendererName
from engine.renderers.catalogue import make_renderer
from engine.renderers.fingerprint import fingerprint
from engine.renderers.pace import Pace
from engine.renderers.pictures_ahead import pictures_ahead
from engine.renderers.preview import LONG_SIDE, preview_jpeg
from engine.renderers.render_notes import RenderNotes


@pytest.fixture
def request_with_plate(make_request, tmp_path):
    (tmp_path / "plate.png").write_bytes(b"a picture")
    return make_request()


def test_the_fingerprint_changes_with_the_request_and_with_its_media(request_with_plate):
    first = fingerprint(request_with_plate)
    assert fingerprint(request_with_plate) == first
    assert fingerprint(replace(request_with_plate, seed=2)) != first
    os.utime(request_with_plate.plate.path, (1, 1))
    assert fingerprint(request_with_plate) != first


def test_missing_media_is_told_by_name(make_request):
    request = make_request()
    with pytest.raises(UserError) as caught:
        fingerprint(request)
    assert caught.value.report.code is ErrorCode.FILE_MISSING
    assert str(request.plate.path) in caught.value.report.message


def test_pictures_come_in_order_however_long_each_takes():
    drawn = list(pictures_ahead(lambda frame: np.full((1, 1, 3), frame, np.uint8), 3, 40))
    assert [frame for frame, _ in drawn] == list(range(3, 40))
    assert all(picture[0, 0, 0] == frame for frame, picture in drawn)


def test_a_picture_that_fails_is_told_to_whoever_asks():
    def draw(frame):
        if frame == 2:
            raise UserError("No.", next_step="Stop.")
        return np.zeros((1, 1, 3), np.uint8)

    taken = []
    with pytest.raises(UserError):
        taken.extend(frame for frame, _ in pictures_ahead(draw, 0, 10))
    assert taken == [] or max(taken) < 2


def test_few_pictures_are_drawn_ahead():
    drawn = []
    pictures = pictures_ahead(lambda frame: drawn.append(frame) or np.zeros((1, 1, 3), np.uint8), 0, 1000)
    next(pictures)
    pictures.close()
    assert len(drawn) < 20


@pytest.mark.parametrize("shape", [(720, 1280, 3), (1000, 10, 4), (4, 4, 3)])
def test_previews_are_small_pictures(shape):
    decoded = cv2.imdecode(
        np.frombuffer(preview_jpeg(np.full(shape, 90, np.uint8)), np.uint8), cv2.IMREAD_COLOR
    )
    assert max(decoded.shape[:2]) == min(LONG_SIDE, max(shape[:2]))
    assert abs(int(decoded.mean()) - 90) < 3


def test_the_pace_is_unknown_before_the_first_step():
    pace = Pace()
    assert pace.seconds_left(10) is None
    pace.step()
    assert pace.seconds_left(0) == 0
    assert pace.seconds_left(10) > 0


def test_notes_are_remembered_and_rubbish_is_not(tmp_path):
    notes = RenderNotes(tmp_path)
    notes.keep_warnings(["The face is lost."])
    notes.add_time()
    again = RenderNotes(tmp_path)
    assert again.warnings == ("The face is lost.",)
    assert again.seconds == notes.seconds > 0
    (tmp_path / "notes.json").write_text("[1]")
    assert RenderNotes(tmp_path).warnings == ()


def test_a_renderer_that_is_not_there_is_told():
    with pytest.raises(UserError) as caught:
        make_renderer(RendererName.DIFFUSION, Path("/cache"), {})
    assert caught.value.report.code is ErrorCode.RENDERER_UNAVAILABLE
    assert "diffusion" in caught.value.report.message
