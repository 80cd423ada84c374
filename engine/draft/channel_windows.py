"""Soft windows that split what a face does into the channels mouth, eyes (with brows) and emotion (the
rest).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import FACE_CENTRE, FACE_RADII
from engine.draft.face_frame import LEFT_EYE, MOUTH, RIGHT_EYE
from engine.draft.region_window import falling
from engine.draft.residual_flow import GRID
from engine.media.opencv import cv2

OVAL_FULL, OVAL_END = 0.85, 1.35
BROAD_CELLS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionGains:
    """How strongly each channel of the expression is carried over; 1 is as the driver does it."""

    mouth: float
    eyes: float
    emotion: float


def _mouth_window(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lips and chin: full around the lips, longer downwards, where the jaw moves."""
    below = np.where(y > MOUTH[1], 0.24, 0.11)
    distance = ((x - MOUTH[0]) / 0.20) ** 2 + ((y - MOUTH[1]) / below) ** 2
    return np.exp(-(distance**2))


def _eyes_window(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Eyes and brows: a wide band, longer upwards."""
    result = np.zeros_like(x)
    for eye in (LEFT_EYE, RIGHT_EYE):
        height = np.where(y < eye[1], 0.15, 0.065)
        distance = ((x - eye[0]) / 0.125) ** 2 + ((y - eye[1]) / height) ** 2
        result = np.maximum(result, np.exp(-(distance**2)))
    return result


def _face_window(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The face's oval: hair, ears and collar have no expression and go with the head."""
    distance = np.hypot((x - FACE_CENTRE[0]) / FACE_RADII[0], (y - FACE_CENTRE[1]) / FACE_RADII[1])
    return falling(np.asarray(distance, np.float32), OVAL_FULL, OVAL_END)


_Y, _X = ((np.mgrid[0:GRID, 0:GRID] + 0.5) / GRID).astype(np.float32)
MOUTH_WINDOW = _mouth_window(_X, _Y).astype(np.float32)
EYES_WINDOW = (_eyes_window(_X, _Y) * (1.0 - MOUTH_WINDOW)).astype(np.float32)
EMOTION_WINDOW = (_face_window(_X, _Y) * (1.0 - MOUTH_WINDOW - EYES_WINDOW)).astype(np.float32)


def scaled_flow(flow: NDArray[np.float32], gains: ExpressionGains) -> NDArray[np.float32]:
    """Return a driver's flow [GRID, GRID, 2] with every channel scaled; cheeks and forehead move broadly."""
    fine = gains.mouth * MOUTH_WINDOW + gains.eyes * EYES_WINDOW
    broad = cv2.GaussianBlur(flow, (0, 0), BROAD_CELLS, borderType=cv2.BORDER_REPLICATE)
    emotion = np.float32(gains.emotion) * EMOTION_WINDOW
    return np.asarray(fine[..., None] * flow + emotion[..., None] * broad, np.float32)
