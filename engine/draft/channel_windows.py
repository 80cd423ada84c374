"""Soft windows that split what a face does into the channels mouth, eyes (with brows) and emotion (the
rest).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_frame import LEFT_EYE, MOUTH, RIGHT_EYE
from engine.draft.residual_flow import GRID


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


_Y, _X = ((np.mgrid[0:GRID, 0:GRID] + 0.5) / GRID).astype(np.float32)
MOUTH_WINDOW = _mouth_window(_X, _Y).astype(np.float32)
EYES_WINDOW = (_eyes_window(_X, _Y) * (1.0 - MOUTH_WINDOW)).astype(np.float32)
EMOTION_WINDOW = (1.0 - MOUTH_WINDOW - EYES_WINDOW).astype(np.float32)


def channel_gain(gains: ExpressionGains) -> NDArray[np.float32]:
    """Return the gain of every place of the face frame, [GRID, GRID]."""
    gain = gains.mouth * MOUTH_WINDOW + gains.eyes * EYES_WINDOW + gains.emotion * EMOTION_WINDOW
    return np.asarray(gain, np.float32)
