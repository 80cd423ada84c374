"""Regions that grow with the travel of the driver's face."""

import numpy as np
import pytest

from engine.conditioning.region_growth import NO_GROWTH, RegionGrowth, grown_box, travel


def test_growth_is_the_travel_beyond_the_first_box_up_to_a_quarter():
    boxes = np.array([[10, 10, 30, 50], [8, 10, 30, 58], [10, -40, 34, 50]])
    assert travel(boxes) == RegionGrowth(left=0.1, right=0.2, up=0.25, down=0.2)


def test_a_box_that_stays_does_not_grow():
    assert travel(np.tile([0.1, 0.2, 0.5, 0.7], (9, 1))) == NO_GROWTH


@pytest.mark.parametrize(
    "boxes", [np.zeros((0, 4)), np.full((3, 4), np.nan), np.tile([5.0, 5, 5, 9], (2, 1))]
)
def test_boxes_that_tell_nothing_do_not_grow_anything(boxes):
    assert travel(boxes) == NO_GROWTH


def test_frames_without_a_face_do_not_count():
    boxes = np.array([[np.nan] * 4, [10.0, 10, 30, 50], [np.nan] * 4, [8, 10, 30, 50]])
    assert travel(boxes) == RegionGrowth(left=0.1, right=0.0, up=0.0, down=0.0)


def test_a_grown_box_stays_inside_the_picture():
    growth = RegionGrowth(left=0.25, right=0.25, up=0.25, down=0.25)
    assert grown_box((2, 3, 62, 43), growth, width=64, height=48) == (0, 0, 64, 48)
