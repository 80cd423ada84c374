"""Face regions: where a character's face is on the plate, over time."""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum


class RegionShape(StrEnum):
    """The outline of a face region."""

    BOX = "box"
    ELLIPSE = "ellipse"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBox:
    """A box in plate coordinates from 0 to 1: left, top, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionKey:
    """The region's box at a project frame; boxes between keys are interpolated linearly."""

    frame: int
    box: RegionBox


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRegion:
    """A feathered box or ellipse with one key or more. `feather` is a share of the box's shorter side."""

    shape: RegionShape
    feather: float
    keys: tuple[RegionKey, ...]


def box_at(region: FaceRegion, frame: float) -> RegionBox:
    """Return the region's box at `frame`; before the first and after the last key it stays."""
    keys = region.keys
    after = bisect_right(keys, frame, key=lambda key: key.frame)
    if after == 0:
        return keys[0].box
    if after == len(keys):
        return keys[-1].box
    left, right = keys[after - 1], keys[after]
    share = (frame - left.frame) / (right.frame - left.frame)

    def mix(a: float, b: float) -> float:
        return a + share * (b - a)

    return RegionBox(
        x=mix(left.box.x, right.box.x),
        y=mix(left.box.y, right.box.y),
        width=mix(left.box.width, right.box.width),
        height=mix(left.box.height, right.box.height),
    )
