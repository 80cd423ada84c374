"""Where the lips of a face meet, in the face frame, and how one face's mouth is laid over another's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_features import FaceFeatures, PixelBox
from engine.draft.face_frame import MOUTH, apply, invert, pose_of

Plane = NDArray[np.float32]

FIT_WIDTH, FIT_HEIGHT = 0.18, 0.13


@dataclass(frozen=True, slots=True, kw_only=True)
class MouthSeam:
    """The line between the lips: its middle and half width across, and how much lower the corners are than
    the middle (`bend` both, `tilt` the right one more and the left one less).
    """

    middle: float
    half_width: float
    bend: float
    tilt: float

    def across(self, x: Plane) -> Plane:
        """Return `x` in half widths from the middle."""
        return (x - np.float32(self.middle)) / np.float32(self.half_width)

    def at(self, across: Plane) -> Plane:
        """Return the place across the face frame that is `across` half widths from the middle."""
        return np.float32(self.middle) + across * np.float32(self.half_width)

    def height(self, x: Plane) -> Plane:
        """Return the seam's height at `x`; level beyond the corners."""
        across = np.clip(self.across(x), -1.2, 1.2)
        return np.asarray(MOUTH[1] + self.bend * across**2 + self.tilt * across, np.float32)

    def numbers(self) -> NDArray[np.float32]:
        """Return middle, half width, bend and tilt as [4]."""
        return np.array([self.middle, self.half_width, self.bend, self.tilt], np.float32)

    @classmethod
    def from_numbers(cls, numbers: NDArray[np.float32]) -> "MouthSeam":
        """Return the seam that `numbers` gave."""
        middle, half_width, bend, tilt = (float(number) for number in numbers)
        return cls(middle=middle, half_width=half_width, bend=bend, tilt=tilt)


def seam_of(features: FaceFeatures) -> MouthSeam:
    """Return the seam of a face from its features."""
    unit = pose_of(features, PixelBox(x=0.0, y=0.0, width=1.0, height=1.0))
    across = float(np.hypot(unit[0, 0], unit[1, 0]))
    along = float(np.hypot(unit[0, 1], unit[1, 1]))
    line = features.mouth_line
    middle = apply(invert(unit), np.array(features.mouth))[0]
    return MouthSeam(
        middle=float(np.clip(middle, 0.44, 0.56)),
        half_width=line.half_width / across,
        bend=line.bend / along,
        tilt=line.tilt / along,
    )


def seam_of_gap(gap: Plane, window: tuple[float, float]) -> MouthSeam:
    """Return a level seam as wide as an open mouth's gap [2, w] over `window` (left, right)."""
    open_ = np.flatnonzero(gap.sum(axis=0) > 0.012)
    left, right = (
        window[0] + (edge + 0.5) / gap.shape[1] * (window[1] - window[0]) for edge in open_[[0, -1]]
    )
    return MouthSeam(middle=(left + right) / 2, half_width=max((right - left) / 2, 0.05), bend=0.0, tilt=0.0)


def laid_over(x: Plane, y: Plane, still: MouthSeam, driver: MouthSeam) -> tuple[Plane, Plane, Plane]:
    """Return, for points of the still's face frame, the points of the driver's that correspond (its mouth
    laid over the still's, the rest as it is), and how much of a movement across is kept.
    """
    across = still.across(x)
    there = driver.at(across)
    distance = ((x - still.middle) / FIT_WIDTH) ** 4 + ((y - MOUTH[1]) / FIT_HEIGHT) ** 4
    share = np.exp(-distance).astype(np.float32)
    ratio = 1.0 + share * np.float32(still.half_width / driver.half_width - 1.0)
    return x + share * (there - x), y + share * (driver.height(there) - still.height(x)), ratio
