"""Face regions over time."""

import pytest

from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape, box_at

LEFT = RegionBox(x=0.1, y=0.2, width=0.2, height=0.4)
RIGHT = RegionBox(x=0.5, y=0.2, width=0.4, height=0.4)


def region(*keys):
    return FaceRegion(shape=RegionShape.ELLIPSE, feather=0.2, keys=keys)


def test_a_region_with_one_key_stays():
    assert box_at(region(RegionKey(frame=5, box=LEFT)), 0) == LEFT
    assert box_at(region(RegionKey(frame=5, box=LEFT)), 50) == LEFT


def test_a_region_travels_evenly_between_keys():
    moving = region(RegionKey(frame=0, box=LEFT), RegionKey(frame=10, box=RIGHT))
    middle = box_at(moving, 5)
    assert (middle.x, middle.width) == pytest.approx((0.3, 0.3))
    assert box_at(moving, 10) == RIGHT
