"""The published detector's boxes from its numbers, and from an ONNX file."""

import numpy as np
import pytest

from engine.conditioning.face_detector import (
    INPUT_HEIGHT,
    INPUT_WIDTH,
    OnnxFaceDetector,
    decode,
    detector_input,
    resize_matrix,
)
from tests.engine.conditioning.onnx_files import bright_spot_detector

PLACES = (680, 170, 40)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "face_det.onnx"
    path.write_bytes(bright_spot_detector())
    return OnnxFaceDetector(path)


def spots(*middles, size=(480, 854), half=40):
    picture = np.zeros((*size, 3), np.uint8)
    for x, y in middles:
        picture[y - half : y + half, x - half : x + half] = 255
    return picture


def nothing_seen():
    return [np.zeros(places, np.float32) for places in PLACES], [
        np.zeros((places, 32), np.float32) for places in PLACES
    ]


def test_without_a_sure_place_there_is_no_face():
    scores, distances = nothing_seen()
    found = decode(scores, distances, resize_matrix(854, 480), (480, 854))
    assert found.boxes_N4.shape == (0, 4)
    assert found.scores_N.shape == (0,)


def test_numbers_that_are_none_are_no_faces():
    scores, distances = nothing_seen()
    scores[0][3], scores[1][5], distances[1][5] = np.nan, 0.9, np.nan
    assert len(decode(scores, distances, resize_matrix(854, 480), (480, 854)).boxes_N4) == 0


def test_a_picture_is_fitted_into_the_middle_of_the_input():
    picture = np.full((100, 400, 3), 255, np.uint8)
    fitted = detector_input(picture, resize_matrix(400, 100))
    assert fitted.shape == (1, 3, INPUT_HEIGHT, INPUT_WIDTH)
    bright = np.flatnonzero(fitted[0, 0, :, INPUT_WIDTH // 2] > 0)
    assert len(bright) == INPUT_WIDTH / 4
    assert bright.mean() == pytest.approx(INPUT_HEIGHT / 2, abs=1.0)


def test_a_network_in_a_file_finds_every_face_once(detector):
    found = detector.detect(spots((250, 240), (650, 200)))
    middles = sorted(((found.boxes_N4[:, 0] + found.boxes_N4[:, 2]) / 2).tolist())
    assert len(found.boxes_N4) == 2
    assert found.boxes_N4.dtype == np.int32
    assert middles == pytest.approx([250, 650], abs=45)


def test_boxes_end_at_the_picture_s_edge(detector):
    found = detector.detect(spots((45, 45)))
    assert found.boxes_N4[0, :2].tolist() == [0, 0]


def test_an_empty_picture_has_no_faces(detector):
    assert len(detector.detect(np.zeros((90, 160, 3), np.uint8)).boxes_N4) == 0
