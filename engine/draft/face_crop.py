"""Cutting the face frame out of a picture, and the masks that say where in it the stable parts of a face
are.
"""

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_frame import BOX_SHARE, MOUTH, Pose
from engine.media.opencv import cv2

CROP_PX = 256
FACE_CENTRE = (0.5, 0.53)
FACE_RADII = (0.40 * BOX_SHARE, 0.56 * BOX_SHARE)


def crop_matrix(pose: Pose) -> Pose:
    """Return the matrix from crop pixels to picture pixels for a pose (pixel centres at whole numbers)."""
    step = pose[:, :2] / CROP_PX
    start = pose[:, 2] + step @ np.array([0.5, 0.5]) - 0.5
    return np.column_stack([step, start])


def cut_face(picture_bgr: NDArray[np.uint8], pose: Pose) -> NDArray[np.uint8]:
    """Return the face frame of a BGR picture as uint8 [CROP_PX, CROP_PX, 3]."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (CROP_PX, CROP_PX)
    crop = cv2.warpAffine(picture_bgr, crop_matrix(pose), size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def face_ellipse(size: int) -> NDArray[np.bool_]:
    """Return a mask [size, size] of the face inside the face frame."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    across, along = (x - FACE_CENTRE[0]) / FACE_RADII[0], (y - FACE_CENTRE[1]) / FACE_RADII[1]
    return np.asarray(across**2 + along**2 < 1.0)


def steady_mask(size: int) -> NDArray[np.uint8]:
    """Return 255 where a face moves with the skull (brow, nose, eye sockets, upper cheeks), else 0."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    mouth = ((x - MOUTH[0]) / 0.17) ** 2 + ((y - MOUTH[1] - 0.02) / 0.11) ** 2 < 1.0
    chin = y > MOUTH[1] + 0.02
    return np.where(face_ellipse(size) & ~mouth & ~chin, 255, 0).astype(np.uint8)
