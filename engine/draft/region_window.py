"""Where a character may move the plate: the face itself, feathered, and a wider window for the head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_features import PixelBox
from engine.protocol.regions import RegionShape

Plane = NDArray[np.float32]

WINDOW_GROWTH = 0.75
WINDOW_END = 1.0 + 2 * WINDOW_GROWTH
BORDER_SHARE = 0.4
LEAST_FEATHER, LARGEST_FEATHER = 0.10, 0.55
KEEP_OFF_FROM, KEEP_OFF_TO = 0.85, 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionWindow:
    """A region at one frame: its box in pixels, its shape, its feather as a share of the shorter side."""

    box: PixelBox
    shape: RegionShape
    feather: float

    def bounds(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom of the grown window in pixels; nothing moves outside it."""
        across, along = WINDOW_GROWTH * self.box.width, WINDOW_GROWTH * self.box.height
        return (
            self.box.x - across,
            self.box.y - along,
            self.box.x + self.box.width + across,
            self.box.y + self.box.height + along,
        )

    def half_widths(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Return the distance from the middle in half widths and half heights of the box."""
        across = (x - (self.box.x + self.box.width / 2)) / (self.box.width / 2)
        along = (y - (self.box.y + self.box.height / 2)) / (self.box.height / 2)
        return across.astype(np.float32), along.astype(np.float32)

    def face_weight(self, x: Plane, y: Plane) -> Plane:
        """Return 1 inside the region, falling to 0 over its feather outside its outline."""
        across, along = self.half_widths(x, y)
        if self.shape is RegionShape.ELLIPSE:
            distance = np.sqrt(across**2 + along**2) - 1.0
        else:
            distance = np.hypot(np.maximum(np.abs(across) - 1.0, 0.0), np.maximum(np.abs(along) - 1.0, 0.0))
        shorter = min(self.box.width, self.box.height)
        feather = min(max(self.feather, LEAST_FEATHER), LARGEST_FEATHER)
        reach = 2 * feather * shorter / max(self.box.width, self.box.height)
        return falling(distance, -0.1 * (self.shape is RegionShape.ELLIPSE), reach + 0.12)

    def window_fade(self, x: Plane, y: Plane) -> Plane:
        """Return 1 inside the grown window, falling softly to 0 at its border."""
        across, along = self.half_widths(x, y)
        return falling(np.maximum(np.abs(across), np.abs(along)), WINDOW_END - 0.6, WINDOW_END)

    def border_fade(self, x: Plane, y: Plane, limits: PixelBox) -> tuple[Plane, Plane]:
        """Return for both directions 0 at the plate's border (`limits`) and 1 well inside: nothing is
        pulled in from beyond the border.
        """
        across, along = BORDER_SHARE * self.box.width, BORDER_SHARE * self.box.height
        right, bottom = limits.x + limits.width - 1.0, limits.y + limits.height - 1.0
        near_x = np.minimum(x - limits.x, right - x) / across
        near_y = np.minimum(y - limits.y, bottom - y) / along
        return 1.0 - falling(near_x, 0.0, 1.0), 1.0 - falling(near_y, 0.0, 1.0)

    def keep_off_weight(self, x: Plane, y: Plane) -> Plane:
        """Return 0 on this face and 1 away from it: what another character's motion is multiplied by."""
        across, along = self.half_widths(x, y)
        return 1.0 - falling(np.sqrt(across**2 + along**2), KEEP_OFF_FROM, KEEP_OFF_TO)

    def is_on(self, other: "RegionWindow") -> bool:
        """Return whether this region's middle lies in the other region's box."""
        x, y = self.box.x + self.box.width / 2, self.box.y + self.box.height / 2
        inside_x = other.box.x <= x <= other.box.x + other.box.width
        return inside_x and other.box.y <= y <= other.box.y + other.box.height


def falling(distance: Plane, start: float, end: float) -> Plane:
    """Return 1 up to `start` and 0 from `end` on, with a smooth (fifth-order) way between."""
    share = np.clip((end - distance) / (end - start), 0.0, 1.0)
    return np.asarray(share**3 * (share * (6.0 * share - 15.0) + 10.0), np.float32)
