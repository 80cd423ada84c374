"""Decoded pictures as Qt sees them: 32-bit BGR without a copy."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from engine.media.opencv import cv2

Picture = NDArray[np.uint8]


def scaled_to_fit(picture: Picture, width: int, height: int) -> Picture:
    """Return the picture made smaller to fit `width` x `height`, aspect kept; never larger than it is."""
    share = min(width / picture.shape[1], height / picture.shape[0], 1.0)
    if share == 1.0:
        return picture
    size = (max(1, round(picture.shape[1] * share)), max(1, round(picture.shape[0] * share)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_image(picture: Picture) -> QImage:
    """Return a QImage of a BGR or BGRA picture; it owns its pixels."""
    if picture.shape[2] == 3:
        bgra = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))
        pixel_format = QImage.Format.Format_RGB32
    else:
        bgra = np.ascontiguousarray(picture)
        pixel_format = QImage.Format.Format_ARGB32
    height, width = bgra.shape[:2]
    return QImage(bgra.data, width, height, bgra.strides[0], pixel_format).copy()
