"""Making the flow's lips meet the inside of the mouth that is seen.

Between parted lips there is nothing in a closed neutral mouth to match, and the flow there follows one lip
or the other. The edges of the inside are where the lips are: both edges must come from the seam.
"""

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import CROP_PX
from engine.draft.mouth_observation import BOTTOM_PX, LEFT_PX, RIGHT_PX, TOP_PX
from engine.draft.mouth_seam import MouthSeam
from engine.draft.residual_flow import GRID
from engine.media.opencv import cv2

SEEN = 0.4
ABOVE_REACH, BELOW_REACH = 0.07, 0.14
COLUMN_BLUR = 1.6

_ROWS = ((np.arange(GRID) + 0.5) / GRID).astype(np.float32)


def with_lips_followed(
    flow: NDArray[np.float32], inside: NDArray[np.uint8], seam: MouthSeam
) -> NDArray[np.float32]:
    """Return the flow [GRID, GRID, 2] corrected so that the edges of `inside` (see `MouthObserver`) come
    from `seam`.
    """
    seen = _on_grid(inside)
    present = np.clip((seen.max(axis=0) - SEEN) / 0.3, 0.0, 1.0)
    if float(present.max()) <= 0.0:
        return flow
    top, bottom = _edges(seen)
    line = seam.height(_ROWS)
    columns = np.arange(GRID)
    lift = line - top - flow[_row_of(top), columns, 1]
    drop = line - bottom - flow[_row_of(bottom), columns, 1]
    lift, drop = _spread(lift, present), _spread(drop, present)
    top, bottom = _spread(top, present, line), _spread(bottom, present, line)
    above = lift * _fade(top - _ROWS[:, None], ABOVE_REACH)
    below = drop * _fade(_ROWS[:, None] - bottom, BELOW_REACH)
    share = np.clip((_ROWS[:, None] - top) / np.maximum(bottom - top, 1e-3), 0.0, 1.0)
    added = np.where(share <= 0.0, above, np.where(share >= 1.0, below, lift + share * (drop - lift)))
    result = flow.copy()
    result[..., 1] += added.astype(np.float32)
    return result


def _on_grid(inside: NDArray[np.uint8]) -> NDArray[np.float32]:
    crop = np.zeros((CROP_PX, CROP_PX), np.float32)
    crop[TOP_PX:BOTTOM_PX, LEFT_PX:RIGHT_PX] = inside / np.float32(255.0)
    return np.asarray(cv2.resize(crop, (GRID, GRID), interpolation=cv2.INTER_AREA), np.float32)


def _edges(seen: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the upper and lower edge of every column, by the column's sum about its middle row."""
    weight = seen / np.maximum(seen.sum(axis=0), 1e-6)
    middle = (weight * _ROWS[:, None]).sum(axis=0)
    half = seen.sum(axis=0) / GRID / 2
    return middle - half, middle + half


def _row_of(height: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.clip(np.floor(height * GRID), 0, GRID - 1).astype(np.intp)


def _spread(
    values: NDArray[np.float32], weights: NDArray[np.float32], rest: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Smooth along the columns; where nothing is seen the values fade to `rest` (0 without)."""
    base = np.zeros_like(values) if rest is None else rest
    mixed = base + weights * (values - base)
    blurred = cv2.GaussianBlur(mixed.reshape(1, -1).astype(np.float32), (0, 0), COLUMN_BLUR)
    return np.asarray(blurred.reshape(-1), np.float32)


def _fade(distance: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    share = np.clip(1.0 - distance / reach, 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)
