"""How far a driver has turned away from the pose of its neutral frame, and what of it then still counts.

A face seen from another side is not the neutral face with another expression: what the flow finds there is
the turn, and what the neutral face cannot explain is not the inside of a mouth. Four measures tell, and the
worst counts: how far the steady parts move across the face, how far they move at all, how much they are
pressed together or pulled apart across, and how far the middle of the face moves across against its outline.
Laughing and nodding stay below all four.
"""

import numpy as np
from numpy.typing import NDArray

from engine.draft.head_turn import SKULL_WEIGHT
from engine.draft.motion_smoothing import smooth_over_time
from engine.draft.residual_flow import GRID, ResidualFlow

ACROSS_FROM, ACROSS_TO = 0.022, 0.031
ANY_FROM, ANY_TO = 0.028, 0.036
PRESSED_FROM, PRESSED_TO = 0.232, 0.28
BUMP_FROM, BUMP_TO = 0.020, 0.031
BUMP_NUMBER = 3
HOLD_S, EASE_S = 0.25, 0.09
HEAD_KEPT = 0.45


def turned_away(residual: ResidualFlow, turn: NDArray[np.float32]) -> float:
    """Return 0 for a face in the neutral frame's pose, up to 1 for one that has turned away from it. `turn`
    [8]: see `head_turn`.
    """
    weight = SKULL_WEIGHT / SKULL_WEIGHT.sum()
    across = float((weight * np.abs(residual.flow[..., 0])).sum())
    anyhow = float((weight * np.sqrt((residual.flow**2).sum(axis=-1))).sum())
    pressed = float((weight * np.abs(np.gradient(residual.flow[..., 0], 1.0 / GRID, axis=1))).sum())
    shares = (
        (across - ACROSS_FROM) / (ACROSS_TO - ACROSS_FROM),
        (anyhow - ANY_FROM) / (ANY_TO - ANY_FROM),
        (pressed - PRESSED_FROM) / (PRESSED_TO - PRESSED_FROM),
        (abs(float(turn[BUMP_NUMBER])) - BUMP_FROM) / (BUMP_TO - BUMP_FROM),
    )
    return float(np.clip(max(shares), 0.0, 1.0))


def presence_of(away: NDArray[np.float32], step_s: float) -> NDArray[np.float32]:
    """Return how far the expression of frames `step_s` apart holds, 1 to 0, for how far they are turned away
    [n]: down before the turn, up after it, and down between two turns that follow each other closely.
    """
    reach = round(HOLD_S / step_s)
    held = np.array([away[max(0, number - reach) : number + reach + 1].max() for number in range(len(away))])
    share = 1.0 - smooth_over_time(held, None, EASE_S / step_s)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def head_kept(presence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far the head's own motion is followed; a turned head's size and tilt are measured badly."""
    return np.float32(HEAD_KEPT) + np.float32(1.0 - HEAD_KEPT) * presence
