"""The face that a region means: it is where it is on the still, wherever exactly the region lies."""

from dataclasses import replace

import numpy as np
import pytest

from engine.benchmark.drawn_face import draw_face
from engine.draft import still_face
from engine.draft.face_features import AVERAGE_FEATURES, PixelBox, find_features
from engine.draft.mouth_seam import seam_of
from engine.draft.still_face import StillFaces, agreed_features
from engine.media.opencv import cv2
from engine.protocol.regions import RegionBox

REGION = PixelBox(x=130.0, y=104.0, width=252.0, height=304.0)
ALMOST = [
    (0.06, 0.06, 0.0),
    (-0.06, 0.06, 0.06),
    (0.06, -0.06, -0.06),
    (-0.06, -0.06, 0.06),
    (0.0, 0.0, -0.06),
]


def jittered(right, down, larger):
    width, height = REGION.width * (1 + larger), REGION.height * (1 + larger)
    return PixelBox(
        x=REGION.x + right * REGION.width - (width - REGION.width) / 2,
        y=REGION.y + down * REGION.height - (height - REGION.height) / 2,
        width=width,
        height=height,
    )


def mouth_of(face, region):
    """Return the mouth's middle in pixels of the picture."""
    box = face.box_in(region)
    across, along = face.features.mouth
    return np.array([box.x + across * box.width, box.y + along * box.height])


@pytest.fixture(scope="module")
def moustached():
    """A drawn face with the dark line of a moustache above its lips."""
    picture = draw_face()
    cv2.ellipse(picture, (256, 322), (44, 5), 0, 0, 360, (40, 46, 70), -1, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="module")
def meant(moustached):
    """The face in the region as it is made."""
    return StillFaces(moustached).face_in(REGION)


@pytest.mark.parametrize("shift", ALMOST)
def test_a_region_that_lies_a_little_elsewhere_means_the_same_mouth(moustached, meant, shift):
    region = jittered(*shift)
    face = StillFaces(moustached).face_in(region)

    assert face.is_frontal
    assert np.abs(mouth_of(face, region) - mouth_of(meant, REGION)).max() < 0.01 * REGION.width
    assert np.allclose(seam_of(face.features).numbers(), seam_of(meant.features).numbers(), atol=1e-3)


def test_the_mouth_is_the_lips_and_not_the_moustache(meant):
    across, along = mouth_of(meant, REGION)

    assert across == pytest.approx(256, abs=6)
    assert along == pytest.approx(344, abs=9)


@pytest.mark.parametrize("right", [-0.06, 0.0, 0.06])
@pytest.mark.parametrize("larger", [-0.06, 0.06])
def test_crops_agree_on_a_face_that_a_detector_sees_a_little_elsewhere(moustached, right, larger):
    side = 260 * (1 + larger)
    box = PixelBox(x=256 - side / 2 + right * 260, y=262 - side / 2, width=side, height=side)
    features = agreed_features(moustached, box)

    assert features.eyes_found
    assert box.x + features.mouth[0] * side == pytest.approx(256, abs=10)
    assert box.y + features.mouth[1] * side == pytest.approx(344, abs=9)


def test_a_frontal_face_without_eyes_still_has_a_mouth_that_may_be_painted(moustached, monkeypatch):
    monkeypatch.setattr(
        still_face,
        "find_features",
        lambda picture, box: replace(find_features(picture, box), eyes_found=False),
    )
    features = agreed_features(moustached, PixelBox(x=126.0, y=132.0, width=260.0, height=260.0))

    assert not features.eyes_found
    assert features.left_eye == AVERAGE_FEATURES.left_eye
    assert 132 + 260 * features.mouth[1] == pytest.approx(344, abs=9)


def test_a_region_on_something_that_is_no_frontal_face_is_taken_as_it_is():
    picture = np.full((400, 400, 3), 120, np.uint8)
    cv2.circle(picture, (200, 200), 80, (60, 90, 160), -1, cv2.LINE_AA)
    region = PixelBox(x=110.0, y=100.0, width=180.0, height=200.0)

    face = StillFaces(picture).face_in(region)

    assert not face.is_frontal
    assert face.box_in(region) == region


def test_a_face_beside_the_region_is_not_meant(moustached, meant):
    region = PixelBox(x=20.0, y=20.0, width=150.0, height=150.0)

    assert not StillFaces(moustached).face_in(region).is_frontal
    assert meant.is_frontal


def test_a_small_face_in_a_large_still_is_found_about_its_region():
    still = np.full((900, 1600, 3), (196, 190, 180), np.uint8)
    still[300:364, 700:764] = cv2.resize(draw_face(), (64, 64), interpolation=cv2.INTER_AREA)
    region = PixelBox(x=716.0, y=313.0, width=32.0, height=38.0)

    face = StillFaces(still).face_in(region)

    assert face.is_frontal
    assert mouth_of(face, region)[1] == pytest.approx(300 + 344 / 8, abs=2)


def test_a_still_is_searched_once(moustached, meant, monkeypatch):
    def refuse(*_):
        raise AssertionError("searched again")

    monkeypatch.setattr(still_face, "find_faces", refuse)

    assert StillFaces(moustached.copy()).face_in(REGION) == meant


def test_the_driver_is_painted_wherever_the_region_lies_a_little(shoot, character, drive):
    """The inside of the mouth of the same frame, from regions that differ a little."""
    lips = (slice(228, 262), slice(296, 344))
    seen = []
    for right, larger in ((0.0, 0.0), (0.03, 0.06), (-0.03, -0.06)):
        box = RegionBox(
            x=0.342 + right * 0.32 - larger * 0.16,
            y=0.20 - larger * 0.28,
            width=0.32 * (1 + larger),
            height=0.56 * (1 + larger),
        )
        seen.append(
            shoot(character(box=box, driving=[drive()], head=0.0)).picture(14)[lips].astype(np.float32)
        )

    assert all(np.abs(picture - seen[0]).mean() < 3.0 for picture in seen)
    assert all(picture.min(axis=(0, 1)).sum() < 260 for picture in seen)
