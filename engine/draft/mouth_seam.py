"""Where the lips of a face meet, in the face frame, and how one face's mouth is laid over another's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_features import FaceFeatures, PixelBox
from engine.draft.face_frame import MOUTH, apply, invert, pose_of
from engine.draft.mouth_tracing import COURSE_POINTS

Plane = NDArray[np.float32]

FIT_WIDTH, FIT_HEIGHT = 0.18, 0.13
PLACES = np.linspace(-1.0, 1.0, COURSE_POINTS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MouthSeam:
    """The line between the lips: its middle and half width across, and its course [COURSE_POINTS]: how much
    lower than the average mouth it is, from the left corner to the right one.
    """

    middle: float
    half_width: float
    course: NDArray[np.float32]

    def across(self, x: Plane) -> Plane:
        """Return `x` in half widths from the middle."""
        return (x - np.float32(self.middle)) / np.float32(self.half_width)

    def at(self, across: Plane) -> Plane:
        """Return the place across the face frame that is `across` half widths from the middle."""
        return np.float32(self.middle) + across * np.float32(self.half_width)

    def height(self, x: Plane) -> Plane:
        """Return the seam's height at `x`; level beyond the corners."""
        offset = np.interp(self.across(x), PLACES, self.course)
        return np.asarray(MOUTH[1] + offset, np.float32)

    def numbers(self) -> NDArray[np.float32]:
        """Return middle, half width and course as [2 + COURSE_POINTS]."""
        return np.concatenate([[self.middle, self.half_width], self.course]).astype(np.float32)

    @classmethod
    def from_numbers(cls, numbers: NDArray[np.float32]) -> "MouthSeam":
        """Return the seam that `numbers` gave."""
        return cls(middle=float(numbers[0]), half_width=float(numbers[1]), course=numbers[2:])

    @classmethod
    def level(cls, middle: float, half_width: float) -> "MouthSeam":
        """Return a straight, level seam."""
        return cls(middle=middle, half_width=half_width, course=np.zeros(COURSE_POINTS, np.float32))


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
        course=np.array(line.course, np.float32) / np.float32(along),
    )


def seam_of_gap(gap: Plane, window: tuple[float, float]) -> MouthSeam:
    """Return a level seam as wide as an open mouth's gap [2, w] over `window` (left, right)."""
    open_ = np.flatnonzero(gap.sum(axis=0) > 0.012)
    left, right = (
        window[0] + (edge + 0.5) / gap.shape[1] * (window[1] - window[0]) for edge in open_[[0, -1]]
    )
    return MouthSeam.level((left + right) / 2, max((right - left) / 2, 0.05))


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
