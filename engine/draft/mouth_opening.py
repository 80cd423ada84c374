"""The opening between parted lips as one clean shape, from loose evidence of what is inside the mouth."""

import numpy as np
from numpy.typing import NDArray

from engine.media.opencv import cv2

Plane = NDArray[np.float32]

SEED, MEMBER = 0.55, 0.45
FEWEST_SEEDS = 6
LENS_FULLNESS = 1.3
EDGE_BLUR, SOFTNESS = 1.5, 0.9


def opening_of(seeds: Plane, members: Plane) -> Plane:
    """Return the opening [h, w] from 0 to 1: what is like `members` and joined to `seeds`, without holes,
    rounded off, and tapered to nothing at both corners.
    """
    chosen = _joined(members, seeds)
    columns = np.flatnonzero(chosen.any(axis=0))
    if len(columns) < 3:
        return np.zeros_like(seeds)
    left, right = int(columns[0]), int(columns[-1])
    top = chosen.argmax(axis=0)[columns].astype(np.float32)
    bottom = chosen.shape[0] - chosen[::-1].argmax(axis=0)[columns].astype(np.float32)
    across = np.arange(left, right + 1)
    middle = _blurred(np.interp(across, columns, (top + bottom) / 2))
    half = _blurred(np.interp(across, columns, (bottom - top) / 2))
    place = 2.0 * (across + 0.5 - left) / (right + 1 - left) - 1.0
    tallest = float(np.percentile(half, 90))
    half = np.minimum(half, LENS_FULLNESS * tallest * np.sqrt(np.clip(1.0 - place**2, 0.0, 1.0)))
    rows = np.arange(chosen.shape[0], dtype=np.float32)[:, None] + 0.5
    result = np.zeros_like(seeds)
    result[:, left : right + 1] = np.clip((half - np.abs(rows - middle)) / SOFTNESS + 0.5, 0.0, 1.0)
    result[:, left : right + 1] *= np.clip(half / SOFTNESS, 0.0, 1.0)
    return np.asarray(cv2.GaussianBlur(result, (0, 0), 0.6), np.float32)


def _joined(members: Plane, seeds: Plane) -> NDArray[np.bool_]:
    """Return the parts of `members` that hold enough seeds, small gaps between them closed."""
    like = (np.maximum(members, seeds) > MEMBER).astype(np.uint8)
    opened = cv2.morphologyEx(like, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((5, 9), np.uint8))
    count, labels = cv2.connectedComponents(closed, connectivity=4)
    held = np.bincount(labels[seeds > SEED], minlength=count)
    wanted = held >= FEWEST_SEEDS
    wanted[0] = False
    return np.asarray(wanted[labels], np.bool_)


def _blurred(values: NDArray[np.float64]) -> Plane:
    row = values.reshape(1, -1).astype(np.float32)
    blurred = cv2.GaussianBlur(row, (0, 0), EDGE_BLUR, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(-1)
