"""The part of the residual flow that is the head turning out of the picture plane, as a few numbers.

A turning head moves its middle against its outline. Eight numbers (for x and y: constant, slope across,
slope along, a bump in the middle) are fitted to the residual flow outside mouth and eyes, so that the head
channel can scale the turn and the expression channels do not carry it.
"""

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import FACE_CENTRE, FACE_RADII
from engine.draft.face_frame import LEFT_EYE, MOUTH, RIGHT_EYE
from engine.draft.residual_flow import GRID, ResidualFlow

TURN_NUMBERS = 8
RIDGE = 0.01
ROBUST_SHARE = 0.006
FARTHEST = 1.15


def turn_basis(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the four basis functions [..., 4] at points of the face frame; beyond the face all moves as
    its edge does.
    """
    across = np.clip((x - FACE_CENTRE[0]) / FACE_RADII[0], -FARTHEST, FARTHEST)
    along = np.clip((y - FACE_CENTRE[1]) / FACE_RADII[1], -FARTHEST, FARTHEST)
    bump = np.exp(-1.2 * (across**2 + along**2))
    return np.stack([np.ones_like(across), across, along, bump], axis=-1).astype(np.float32)


def _skull_weight(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    inside = ((x - FACE_CENTRE[0]) / FACE_RADII[0]) ** 2 + ((y - FACE_CENTRE[1]) / FACE_RADII[1]) ** 2
    mouth = ((x - MOUTH[0]) / 0.17) ** 2 + ((y - MOUTH[1]) / 0.12) ** 2
    weight = np.exp(-0.8 * inside**2) * (inside < 1.3) * (1.0 - np.exp(-(mouth**2)))
    for eye in (LEFT_EYE, RIGHT_EYE):
        distance = ((x - eye[0]) / 0.09) ** 2 + ((y - eye[1]) / 0.06) ** 2
        weight *= 1.0 - 0.8 * np.exp(-(distance**2))
    return np.asarray(weight, np.float32)


_Y, _X = ((np.mgrid[0:GRID, 0:GRID] + 0.5) / GRID).astype(np.float32)
_BASIS = turn_basis(_X, _Y)
SKULL_WEIGHT = _skull_weight(_X, _Y)


def fit_turn(residual: ResidualFlow) -> NDArray[np.float32]:
    """Return the numbers [8] (four of x, four of y) that explain most of the residual flow; robust, twice
    reweighted.
    """
    basis = _BASIS.reshape(-1, 4).astype(np.float64)
    flow = residual.flow.reshape(-1, 2).astype(np.float64)
    weight = (SKULL_WEIGHT * residual.confidence).reshape(-1).astype(np.float64)
    numbers = np.zeros((4, 2))
    robust = np.ones_like(weight)
    for _ in range(3):
        used = (weight * robust)[:, None]
        normal = basis.T @ (basis * used) + RIDGE * (weight.sum() + 1e-6) * np.diag([0.2, 1.0, 1.0, 1.0])
        numbers = np.linalg.solve(normal, basis.T @ (flow * used))
        left = np.sqrt(((flow - basis @ numbers) ** 2).sum(axis=1))
        robust = 1.0 / (1.0 + (left / ROBUST_SHARE) ** 2)
    return numbers.T.reshape(-1).astype(np.float32)


def turn_field(basis: NDArray[np.float32], numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the backward flow [..., 2] of the turn at points whose `turn_basis` is given."""
    return np.asarray(basis @ numbers.reshape(2, 4).T, np.float32)
