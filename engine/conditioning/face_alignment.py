"""A face turned, scaled and cut so that eyes, nose and mouth lie where the expression encoder wants them.

Source: FantasyPortrait (arXiv 2507.12956) and its published code, which uses the template of PD-FGC; the
similarity is Umeyama's, 1991 (doi:10.1109/34.88573).

Shapes: B faces, H rows, W columns, C channels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from engine.media.opencv import cv2

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

CROP_PX = 224
ALIGNMENT_LANDMARKS = (182, 202, 36, 149, 133)
TEMPLATE: Points = CROP_PX * np.array(
    [[0.3843, 0.27], [0.62, 0.2668], [0.503, 0.4185], [0.406, 0.5273], [0.5977, 0.525]]
)
LEAST_SPREAD_PX = 1e-3
FLATTEST = 1e-4

_LEVELS = torch.from_numpy((np.arange(256) / 255.0 * 2.0 - 1.0).astype(np.float32))


def alignment_points(points: Points) -> Points:
    """Return the five points [5, 2] that align a face: pupils, nose tip, mouth corners, from the left.

    `points` are these five, or 222 landmarks [222, 2].
    """
    return points if len(points) == len(TEMPLATE) else points[list(ALIGNMENT_LANDMARKS)]


def alignment_matrix(points: Points) -> Points | None:
    """Return the similarity [3, 3] from picture pixels to the crop that fits five points or 222 landmarks
    best in least squares; None where they are no face: not finite, all in one place or all on one line.
    """
    five = alignment_points(np.asarray(points, np.float64))
    if not np.isfinite(five).all():
        return None
    middle, template_middle = five.mean(axis=0), TEMPLATE.mean(axis=0)
    away, template_away = five - middle, TEMPLATE - template_middle
    spread = np.linalg.svd(away, compute_uv=False)
    if spread[0] < LEAST_SPREAD_PX or spread[1] < FLATTEST * spread[0]:
        return None
    left, strengths, right = np.linalg.svd(template_away.T @ away / len(five))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    turn = (left * signs) @ right
    scale = float(strengths @ signs) / float(away.var(axis=0).sum())
    matrix = np.eye(3)
    matrix[:2, :2] = scale * turn
    matrix[:2, 2] = template_middle - matrix[:2, :2] @ middle
    return matrix


def align_face(picture_bgr: Picture, points: Points) -> Picture | None:
    """Return the aligned face, uint8 [CROP_PX, CROP_PX, 3] BGR, black beyond the picture; None where five
    points or 222 landmarks in pixels are no face.
    """
    matrix = alignment_matrix(points)
    if matrix is None:
        return None
    crop = cv2.warpAffine(picture_bgr, matrix[:2], (CROP_PX, CROP_PX), flags=cv2.INTER_CUBIC)
    return np.asarray(crop, np.uint8)


def encoder_input(crops_bgr: Sequence[Picture]) -> torch.Tensor:
    """Return aligned faces as the encoder's input, float32 [B, 3, CROP_PX, CROP_PX], red first, -1 to 1."""
    crops_BHWC = torch.from_numpy(np.stack([crop[:, :, ::-1] for crop in crops_bgr]).astype(np.int64))
    return _LEVELS[crops_BHWC].permute(0, 3, 1, 2).contiguous()
