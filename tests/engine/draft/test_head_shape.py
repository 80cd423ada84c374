"""What moves with a head, and what behind it stays."""

import numpy as np
import pytest

from engine.benchmark.drawn_face import draw_face
from engine.draft.displacement_limit import corner_determinants
from engine.draft.face_features import PixelBox
from engine.draft.head_shape import HALF_SPAN, head_shape

BOX = PixelBox(x=146.0, y=120.0, width=220.0, height=260.0)


def weights(move, *, picture=None, box=BOX, is_frontal=True):
    """Weights over the window, 250 places a side, 50 to half the box's width."""
    picture = draw_face() if picture is None else picture
    shape = head_shape(picture, box, is_frontal=is_frontal)
    along, across = (((np.mgrid[0:250, 0:250] + 0.5) / 250 * 2 - 1) * HALF_SPAN).astype(np.float32)
    return shape.weight(across, along, move)


def test_a_face_and_its_hair_move_whole():
    weight = weights(0.1)

    assert weight[100:160, 95:155].min() > 0.999
    # the drawn hair ends 1.27 half widths from the middle
    assert weight[125, 125 - 60] > 0.95


def test_what_is_behind_moves_the_less_the_less_the_head_moves():
    small, large = (weights(move) for move in (0.02, 0.3))

    assert small[125, 25] == 0.0
    assert small[60:190].sum() < 0.7 * large[60:190].sum()


@pytest.mark.parametrize("move", [0.02, 0.1, 0.2, 0.3])
def test_a_head_that_travels_never_folds_what_is_behind(move):
    weight = weights(move)
    # places are 1/100 of the box's width across
    field = np.stack([weight * np.float32(move * 100), np.zeros_like(weight)], axis=-1)

    assert corner_determinants(field).min() > 0.0


def test_a_face_seen_from_the_side_takes_all_along_that_may_be_its_head():
    plain = np.full((512, 512, 3), 90, np.uint8)
    frontal, side = (weights(0.05, picture=plain, is_frontal=front).sum() for front in (True, False))

    assert side > 1.2 * frontal


def test_the_same_picture_gives_the_same_head():
    assert np.array_equal(weights(0.1), weights(0.1))


@pytest.mark.parametrize(
    "box",
    [
        PixelBox(x=-60.0, y=-80.0, width=220.0, height=260.0),
        PixelBox(x=450.0, y=470.0, width=220.0, height=260.0),
        PixelBox(x=2000.0, y=2000.0, width=50.0, height=50.0),
        PixelBox(x=200.0, y=200.0, width=1.0, height=1.0),
    ],
    ids=["over a corner", "over the other", "outside", "a pixel"],
)
def test_odd_boxes_give_a_head(box):
    weight = weights(0.1, box=box)

    assert np.isfinite(weight).all()
    assert weight[125, 125] > 0.999
