"""Small pictures of a render for whoever watches it."""

import numpy as np
import numpy.typing as npt

from engine.media.opencv import cv2

LONG_SIDE = 320
_QUALITY = 80


def preview_jpeg(picture: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture (uint8 HxWx3 BGR or HxWx4 BGRA, alpha left out) as a JPEG of LONG_SIDE pixels."""
    height, width = picture.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(picture[:, :, :3]), size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()
