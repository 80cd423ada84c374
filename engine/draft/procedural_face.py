"""Movements that no driver makes: the jaw that opens to a voice, lips that widen, lids that close.

All are backward displacements in the face frame: where a point of the result comes from in the still.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_frame import LEFT_EYE, MOUTH, RIGHT_EYE

Plane = NDArray[np.float32]

MOUTH_HALF_WIDTH = 0.105
WIDEST_OPENING = 0.062
UPPER_LIP_SHARE = 0.16
LIP_SEAM = 0.10
LID_HALF_WIDTH = 0.078
LID_TRAVEL = 0.034


@dataclass(frozen=True, slots=True, kw_only=True)
class ProceduralPose:
    """`opening` of the jaw from 0 to 1 (more is allowed), `spread` of the lips from -1 (round) to 1 (wide), `blink`
    of the lids from 0 (as in the still) to 1 (closed)."""

    opening: float = 0.0
    spread: float = 0.0
    blink: float = 0.0

    @property
    def is_still(self) -> bool:
        """Whether nothing moves."""
        return abs(self.opening) < 1e-4 and abs(self.spread) < 1e-4 and abs(self.blink) < 1e-4


def gap_profile(x: Plane, opening: float, spread: float) -> tuple[Plane, Plane]:
    """Return how far the upper lip's edge rises and the lower lip's falls at `x` across the face frame."""
    half = MOUTH_HALF_WIDTH * (1.0 + 0.12 * spread) * (1.0 - 0.10 * min(opening, 1.5))
    lens = np.clip(1.0 - ((x - MOUTH[0]) / half) ** 2, 0.0, None)
    total = WIDEST_OPENING * opening * lens**0.8
    return (total * UPPER_LIP_SHARE).astype(np.float32), (total * (1.0 - UPPER_LIP_SHARE)).astype(np.float32)


def procedural_field(x: Plane, y: Plane, pose: ProceduralPose) -> tuple[Plane, Plane]:
    """Return the backward displacement (across, along) at points of the face frame."""
    across, along = np.zeros_like(x), np.zeros_like(y)
    if pose.opening > 1e-4 or abs(pose.spread) > 1e-4:
        jaw_x, jaw_y = _jaw(x, y, pose.opening, pose.spread)
        across, along = across + jaw_x, along + jaw_y
    if pose.blink > 1e-4:
        along = along + _lids(x, y, pose.blink)
    return across, along


def _jaw(x: Plane, y: Plane, opening: float, spread: float) -> tuple[Plane, Plane]:
    """The lower face falls, less towards the chin's sides; the lips' seam is drawn apart to a thin band."""
    rise, fall = gap_profile(x, opening, spread)
    seam_top, seam_bottom = MOUTH[1] - rise, MOUTH[1] + fall
    chin = _bell((x - MOUTH[0]) / 0.22) * _fade(y - seam_bottom, 0.10, 0.30)
    jaw = 0.62 * WIDEST_OPENING * opening * chin
    lower = np.maximum(fall * _fade(y - seam_bottom, 0.0, 0.13), jaw * _fade(seam_bottom - y, 0.0, 0.05))
    upper = rise * _fade(seam_top - y, 0.0, 0.07)
    share = np.clip((y - seam_top) / np.maximum(seam_bottom - seam_top, 1e-4), 0.0, 1.0)
    inside = (y > seam_top) & (y < seam_bottom)
    gap = MOUTH[1] - y + LIP_SEAM * (y - MOUTH[1])
    along = np.where(inside, gap * _bell((x - MOUTH[0]) / 0.3), np.where(share >= 1.0, -lower, upper))
    lips = np.exp(-(((y - MOUTH[1]) / 0.09) ** 2)) * _bell((x - MOUTH[0]) / 0.24)
    across = -0.10 * spread * (x - MOUTH[0]) * lips
    return across.astype(np.float32), along.astype(np.float32)


def _lids(x: Plane, y: Plane, blink: float) -> Plane:
    """The upper lid's skin is drawn down over the eye, which is pressed together on the lower lid."""
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
