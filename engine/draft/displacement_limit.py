"""Keeping a displacement field from tearing or folding the picture, however strong its parts are.

A backward field d maps p to p + d(p). On a grid with linear interpolation the map is one-to-one in a cell
exactly when the Jacobian determinant is positive at the cell's four corners, because it is linear between
them. Places where it falls below LEAST_DETERMINANT are smoothed until it does not; what still remains is
scaled down as a whole.
"""

import numpy as np
from numpy.typing import NDArray

from engine.media.opencv import cv2

LEAST_DETERMINANT = 0.1
ROUNDS = 6
HALVINGS = 12

Field = NDArray[np.float32]


def soft_limited(vectors: Field, limit: float) -> Field:
    """Return vectors [..., 2] compressed smoothly so that none is longer than `limit`; short ones hardly
    change.
    """
    length = np.sqrt((vectors**2).sum(axis=-1, keepdims=True)) + 1e-12
    return np.asarray(vectors * (limit * np.tanh(length / limit) / length), np.float32)


def corner_determinants(field: Field) -> Field:
    """Return the smallest corner determinant of every cell [h-1, w-1] of a field [h, w, 2] in grid steps."""
    across = np.diff(field, axis=1)
    down = np.diff(field, axis=0)
    smallest = np.full((field.shape[0] - 1, field.shape[1] - 1), np.inf, np.float32)
    for dx in (across[:-1], across[1:]):
        for dy in (down[:, :-1], down[:, 1:]):
            value = (1.0 + dx[..., 0]) * (1.0 + dy[..., 1]) - dx[..., 1] * dy[..., 0]
            # both factors negative is a fold as well, turned over twice
            value = np.where((dx[..., 0] > -1.0) & (dy[..., 1] > -1.0), value, np.minimum(value, -1.0))
            smallest = np.minimum(smallest, value)
    return smallest


def without_folds(field: Field) -> Field:
    """Return the field [h, w, 2] (in grid steps) changed as little as it takes for every cell to stay one-
    to-one.
    """
    for number in range(ROUNDS):
        determinants = corner_determinants(field)
        if float(determinants.min()) >= LEAST_DETERMINANT:
            return field
        field = _smoothed_where(field, determinants < 2 * LEAST_DETERMINANT, 1.0 + 0.7 * number)
    return _scaled_to_fit(field)


def _smoothed_where(field: Field, folded: NDArray[np.bool_], sigma: float) -> Field:
    nodes = np.zeros(field.shape[:2], np.float32)
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            nodes[rows, columns] = np.maximum(nodes[rows, columns], folded)
    reach = 2 * round(1.5 * sigma) + 1
    weight = cv2.GaussianBlur(cv2.dilate(nodes, np.ones((reach, reach))), (0, 0), sigma)[..., None]
    border = cv2.BORDER_CONSTANT
    smooth = cv2.GaussianBlur(field, (0, 0), sigma, borderType=border)
    return np.asarray(field + np.minimum(weight, 1.0) * (smooth - field), np.float32)


def _scaled_to_fit(field: Field) -> Field:
    """Return the largest of HALVINGS steps of the field that has no folds (nothing moves at 0, so there is
    one).
    """
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if float(corner_determinants(np.float32(middle) * field).min()) >= LEAST_DETERMINANT:
            low = middle
        else:
            high = middle
    return np.float32(low) * field
