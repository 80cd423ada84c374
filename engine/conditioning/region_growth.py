"""How far a character's region on the plate grows to hold the travel of the face that drives it.

Source: the published multi-face script of FantasyPortrait: travel relative to the size of the driver's first
face box, at most a quarter a side, whole pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_GROWTH = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionGrowth:
    """Growth at each side, in shares of the box's width (left, right) or height (up, down)."""

    left: float
    right: float
    up: float
    down: float


NO_GROWTH = RegionGrowth(left=0.0, right=0.0, up=0.0, down=0.0)


def travel(boxes_T4: NDArray[np.generic]) -> RegionGrowth:
    """Return how far boxes (left, top, right, bottom) go beyond the first one. Boxes that are not finite do
    not count; a first box without a size, or no box at all, gives no growth.
    """
    boxes = np.asarray(boxes_T4, np.float64)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if len(boxes) == 0:
        return NO_GROWTH
    first, least, most = boxes[0], boxes.min(axis=0), boxes.max(axis=0)
    width, height = first[2] - first[0], first[3] - first[1]
    if width <= 0.0 or height <= 0.0:
        return NO_GROWTH
    return RegionGrowth(
        left=min(float((first[0] - least[0]) / width), MOST_GROWTH),
        right=min(float((most[2] - first[2]) / width), MOST_GROWTH),
        up=min(float((first[1] - least[1]) / height), MOST_GROWTH),
        down=min(float((most[3] - first[3]) / height), MOST_GROWTH),
    )


def grown_box(
    box: tuple[float, float, float, float], growth: RegionGrowth, width: int, height: int
) -> tuple[int, int, int, int]:
    """Return a box (left, top, right, bottom), in pixels of a picture of `width` x `height`, grown at each
    side and cut to whole pixels inside the picture.
    """
    left, top, right, bottom = box
    across, along = int(right - left), int(bottom - top)
    return (
        max(0, int(left - across * growth.left)),
        max(0, int(top - along * growth.up)),
        min(width, int(right + across * growth.right)),
        min(height, int(bottom + along * growth.down)),
    )
