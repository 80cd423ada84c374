"""What of a still is a character's head, so that what is behind it bends as little as it can.

The head is told from its surroundings by colour (GrabCut: Rother, Kolmogorov, Blake, 2004) in a small
picture of the region's window, once with the shoulders and once without; what either takes for the head is.
Cutting the head out and filling in behind it was refused: where the cut is wrong, hair is left behind.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_features import PixelBox
from engine.draft.region_window import falling
from engine.media.opencv import cv2

Plane = NDArray[np.float32]

SIDE = 120
HALF_SPAN = 2.5
ROUNDS = 3
CHIN, WITHOUT_SHOULDERS = 0.95, 1.12
LEAST_REACH, LARGEST_REACH = 0.20, 1.0
REACH_A_MOVE = 2.6
NECK_REACH, NECK_WIDTH = 0.9, 0.7
LEAST_SPREAD = 3.0

_V, _U = (((np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE * 2 - 1) * HALF_SPAN).astype(np.float32)


def _ellipse(across: float, along: float, lift: float) -> NDArray[np.bool_]:
    return np.asarray((_U / across) ** 2 + ((_V + lift) / along) ** 2 < 1.0)


_SURE, _LIKELY, _POSSIBLE = _ellipse(0.72, 0.85, 0.0), _ellipse(1.3, 1.55, 0.15), _ellipse(1.8, 2.0, 0.1)
_FACE, _WHOLE_HEAD = _ellipse(1.05, 1.2, 0.08), _ellipse(1.35, 1.45, 0.12)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadShape:
    """How far outside the head each place of the region's window is, [SIDE, SIDE], in widths of the box."""

    distance: Plane

    def weight(self, across: Plane, along: Plane, move: float) -> Plane:
        """Return 1 on the head, falling to 0 around it, at places in half widths and half heights of the box
        from its middle. `move` (widths of the box) is how far the head goes: the farther, the softer.
        """
        columns = (across / HALF_SPAN + 1.0) * (SIDE / 2) - 0.5
        rows = (along / HALF_SPAN + 1.0) * (SIDE / 2) - 0.5
        distance = cv2.remap(self.distance, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        reach = np.float32(min(max(REACH_A_MOVE * move, LEAST_REACH), LARGEST_REACH))
        # a neck gives way over its length
        neck = np.exp(-((across / NECK_WIDTH) ** 2)) * np.clip((along - 0.4) / 0.8, 0.0, 1.0)
        share = distance / (reach * (1.0 + NECK_REACH * neck))
        return falling(np.asarray(share, np.float32), 0.0, 1.0)


def head_shape(picture_bgr: NDArray[np.uint8], box: PixelBox, *, is_frontal: bool) -> HeadShape:
    """Return the head about the face `box` of a picture; of a face seen from the side all that may be it."""
    head = _FACE | _matte(_window(picture_bgr, box))
    if not is_frontal:
        head |= _WHOLE_HEAD
    outside = np.where(head & (_V < CHIN), 0, 255).astype(np.uint8)
    cells = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    soft = cv2.GaussianBlur(cells, (0, 0), 1.5)
    return HeadShape(distance=np.asarray(soft * np.float32(HALF_SPAN / SIDE), np.float32))


def _window(picture_bgr: NDArray[np.uint8], box: PixelBox) -> NDArray[np.uint8]:
    """Return the region's window as a small square picture."""
    step_x, step_y = box.width * HALF_SPAN / SIDE, box.height * HALF_SPAN / SIDE
    left = box.x + box.width / 2 - step_x * (SIDE - 1) / 2
    top = box.y + box.height / 2 - step_y * (SIDE - 1) / 2
    matrix = np.array([[step_x, 0.0, left], [0.0, step_y, top]])
    source = picture_bgr
    if step_x > 1.5:
        source = np.asarray(cv2.GaussianBlur(picture_bgr, (0, 0), 0.4 * step_x), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(source, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(small, np.uint8)


def _matte(window: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which of the window is like the face and its hair rather than like what is around."""
    with_shoulders = _V < HALF_SPAN
    found = _cut(window, with_shoulders, _V < 0.9) | _cut(window, _V < WITHOUT_SHOULDERS, with_shoulders)
    head = (found & _POSSIBLE).astype(np.uint8)
    opened = cv2.morphologyEx(head, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(opened > 0, np.bool_)


def _cut(
    window: NDArray[np.uint8], looked_at: NDArray[np.bool_], surroundings: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Run GrabCut over the rows `looked_at`; beyond what is possible, `surroundings` are surely not the
    head.
    """
    marks = np.full((SIDE, SIDE), cv2.GC_PR_BGD, np.uint8)
    marks[_LIKELY | ((np.abs(_U) < 0.75) & (_V > 0.6))] = cv2.GC_PR_FGD
    marks[_SURE] = cv2.GC_FGD
    marks[~_POSSIBLE & surroundings] = cv2.GC_BGD
    rows = int(looked_at[:, 0].sum())
    part, found = np.ascontiguousarray(window[:rows]), np.ascontiguousarray(marks[:rows])
    result = np.zeros((SIDE, SIDE), np.bool_)
    if float(part.std(axis=(0, 1)).max()) < LEAST_SPREAD:
        return result
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(part, found, (0, 0, 1, 1), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    result[:rows] = (found == cv2.GC_FGD) | (found == cv2.GC_PR_FGD)
    return result
