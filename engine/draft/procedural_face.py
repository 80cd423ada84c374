"""Movements made rather than carried over: the jaw that opens, lips that widen, lids that close.

All are backward displacements in the face frame: where a point of the result comes from in the still.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_frame import LEFT_EYE, RIGHT_EYE
from engine.draft.mouth_observation import WINDOW
from engine.draft.mouth_seam import MouthSeam

Plane = NDArray[np.float32]

WIDEST_OPENING = 0.047
OPEN_WIDTH, NARROWING = 0.96, 0.08
PURSING = 0.45
UPPER_LIP_SHARE = 0.2
LIP_SEAM = 0.12
LID_HALF_WIDTH = 0.078
LID_TRAVEL = 0.034


@dataclass(frozen=True, slots=True, kw_only=True)
class ProceduralPose:
    """`opening` of the jaw from 0 to 1 (more is allowed), `spread` of the lips from -1 (round) to 1 (wide),
    `blink` of the lids from 0 (as in the still) to 1 (closed).
    """

    opening: float = 0.0
    spread: float = 0.0
    blink: float = 0.0

    @property
    def is_still(self) -> bool:
        """Whether nothing moves."""
        return abs(self.opening) < 1e-4 and abs(self.spread) < 1e-4 and abs(self.blink) < 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class LipGap:
    """At each point: the height of the seam, how far the upper lip's edge rises above it and the lower
    lip's falls, and the place across the gap that a jaw makes, from -1 to 1.
    """

    seam: Plane
    rise: Plane
    fall: Plane
    across: Plane

    @property
    def is_closed(self) -> bool:
        """Whether the lips touch everywhere."""
        return float(np.max(self.rise + self.fall, initial=0.0)) < 1e-5


def lip_gap(
    x: Plane, pose: ProceduralPose, driver_gap: Plane | None, still: MouthSeam, driver: MouthSeam
) -> LipGap:
    """Return the gap at `x` that the jaw and a driver's open neutral mouth (`driver_gap` [2, w]) make
    together.
    """
    half = still.half_width * (OPEN_WIDTH + 0.10 * pose.spread) * (1.0 - NARROWING * min(pose.opening, 1.5))
    across = (x - still.middle) / np.float32(half)
    lens = np.clip(1.0 - across**2, 0.0, None)
    total = WIDEST_OPENING * pose.opening * lens**1.15
    rise, fall = UPPER_LIP_SHARE * total, (1.0 - UPPER_LIP_SHARE) * total
    if driver_gap is not None:
        count = driver_gap.shape[1]
        columns = WINDOW[0] + (np.arange(count) + 0.5) / count * (WINDOW[2] - WINDOW[0])
        place = still.across(x)
        inside = np.clip(1.0 - (place / 1.1) ** 2, 0.0, 1.0) ** 0.5
        rise = rise + inside * np.interp(driver.at(place), columns, driver_gap[0])
        fall = fall + inside * np.interp(driver.at(place), columns, driver_gap[1])
    rise, fall, across = (plane.astype(np.float32) for plane in (rise, fall, across))
    return LipGap(seam=still.height(x), rise=rise, fall=fall, across=across)


def jaw_field(x: Plane, y: Plane, gap: LipGap, middle: float, spread: float) -> tuple[Plane, Plane]:
    """Return the backward displacement of an opened jaw: the lower face falls, the seam becomes a thin band.
    `middle` is the mouth's middle across the face."""
    top, bottom = gap.seam - gap.rise, gap.seam + gap.fall
    largest = float(gap.fall.max(initial=0.0))
    chin = _bell((x - middle) / 0.24) * _fade(y - bottom, 0.10, 0.30) * _fade(bottom - y, 0.0, 0.06)
    lower = np.maximum(gap.fall * _fade(y - bottom, 0.0, 0.13), 0.62 * largest * chin)
    upper = gap.rise * _fade(top - y, 0.0, 0.07)
    band = (gap.seam - y) * (1.0 - LIP_SEAM)
    along = np.where(y >= bottom, -lower, np.where(y <= top, upper, band))
    lips = np.exp(-(((y - gap.seam) / 0.09) ** 2)) * _bell((x - middle) / 0.24)
    across = -0.10 * spread * (x - middle) * lips
    return across.astype(np.float32), along.astype(np.float32)


def lid_field(x: Plane, y: Plane, blink: float) -> Plane:
    """Return the backward displacement along the face of closing lids: the upper lid's skin is drawn down
    over the eye, which is pressed together on the lower lid.
    """
    along = np.zeros_like(y)
    for eye in (LEFT_EYE, RIGHT_EYE):
        width = _bell((x - eye[0]) / LID_HALF_WIDTH)
        rest = eye[1] + 0.55 * LID_TRAVEL
        above = np.clip((rest - y) / (3.2 * LID_TRAVEL), 0.0, 1.0)
        below = np.clip((y - rest) / (0.55 * LID_TRAVEL), 0.0, 1.0)
        shape = np.where(y < rest, _smooth(1.0 - above), _smooth(1.0 - below))
        along -= blink * LID_TRAVEL * 1.25 * width * shape
    return along


def _bell(distance: Plane) -> Plane:
    """Return 1 at 0, 0 from 1 on, smooth."""
    return np.asarray(np.clip(1.0 - distance**2, 0.0, None) ** 2, np.float32)


def _smooth(share: Plane) -> Plane:
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def _fade(distance: Plane, start: float, end: float) -> Plane:
    """Return 1 up to `start`, falling smoothly to 0 at `end`."""
    return _smooth(np.clip(1.0 - (distance - start) / (end - start), 0.0, 1.0))
