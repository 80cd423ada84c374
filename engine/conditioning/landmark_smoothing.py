"""222 facial landmarks smoothed over time, region by region: still parts stay still, fast parts are followed.

Source: the published code of FantasyPortrait, after the one-euro filter (Casiez, Roussel and Vogel, 2012,
doi:10.1145/2207676.2208639) with a time step and a slope that grow with the region's motion.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

LANDMARKS = 222


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    """A range of landmarks, and the one whose mean motion tells how fast it moves.

    The gain rises from 0 at rest to `slow` at a motion of `slow_until`, and to `fast` at FAST_FROM; motion is
    in shares of the face's size.
    """

    points: slice
    slow_until: float
    slow: float
    fast: float
    measured: slice | None = None

    def gain(self, motion: Points) -> float:
        """Return the gain for the motion of all landmarks."""
        mean = float(np.mean(motion[self.measured or self.points]))
        return float(np.interp(mean, [0.0, self.slow_until, FAST_FROM], [0.0, self.slow, self.fast]))


FAST_FROM = 0.02
_OUTLINE = _Region(points=slice(0, 33), measured=slice(9, 24), slow_until=0.005, slow=0.05, fast=0.3)
_NOSE = _Region(points=slice(33, 48), slow_until=0.003, slow=0.03, fast=0.7)
_BROWS = _Region(points=slice(48, 74), slow_until=0.003, slow=0.02, fast=0.5)
_LEFT_EYE = _Region(points=slice(74, 96), slow_until=0.003, slow=0.03, fast=0.7)
_RIGHT_EYE = _Region(points=slice(96, 118), slow_until=0.003, slow=0.03, fast=0.7)
_MOUTH = _Region(points=slice(118, 182), slow_until=0.003, slow=0.05, fast=0.7)
_LEFT_PUPIL = _Region(points=slice(182, 202), slow_until=0.003, slow=0.03, fast=0.7)
_RIGHT_PUPIL = _Region(points=slice(202, 222), slow_until=0.003, slow=0.03, fast=0.7)
_REGIONS = (_OUTLINE, _NOSE, _BROWS, _LEFT_EYE, _RIGHT_EYE, _MOUTH, _LEFT_PUPIL, _RIGHT_PUPIL)


class LandmarkSmoother:
    """Smooths one face's landmarks, frame by frame."""

    def __init__(self) -> None:
        self._last: Points | None = None
        self._speed = np.zeros((LANDMARKS, 2))

    def smooth(self, points: Points, face_size: float) -> Points:
        """Return the next frame's landmarks [222, 2] smoothed; `face_size` in the same unit as they are."""
        if self._last is None:
            self._last = points.copy()
            return points
        motion = np.hypot(*(points - self._last).T) / face_size
        smooth = np.empty_like(points)
        for region in _REGIONS:
            part = region.points
            smooth[part] = self._filtered(points[part], part, region.gain(motion))
        self._last = smooth
        return smooth

    def _filtered(self, points: Points, part: slice, gain: float) -> Points:
        """The one-euro filter with `gain` as time step and as slope; nothing has moved where it is 0."""
        assert self._last is not None
        last = self._last[part]
        if gain == 0.0:
            return last
        kept = _share(gain, np.float64(1.0))
        speed = kept * (points - last) / gain + (1.0 - kept) * self._speed[part]
        self._speed[part] = speed
        taken = _share(gain, 1.0 + gain * np.abs(speed))
        return np.asarray(taken * points + (1.0 - taken) * last, np.float64)


def _share(step: float, cutoff: "Points | np.float64") -> "Points | np.float64":
    """Return the weight of a new value in an exponential filter."""
    rate = 2.0 * math.pi * step * cutoff
    return rate / (rate + 1.0)
