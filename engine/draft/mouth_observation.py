"""What a driver shows between the lips: a small picture of the mouth and which pixels of it are its inside."""

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import CROP_PX
from engine.draft.face_frame import MOUTH

WINDOW = (0.5 - 0.17, MOUTH[1] - 0.10, 0.5 + 0.17, MOUTH[1] + 0.17)
LEFT_PX, TOP_PX, RIGHT_PX, BOTTOM_PX = (round(edge * CROP_PX) for edge in WINDOW)


def cut_mouth(crop_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mouth's part of a stabilised crop, uint8 [BOTTOM_PX - TOP_PX, RIGHT_PX - LEFT_PX, 3]."""
    return crop_bgr[TOP_PX:BOTTOM_PX, LEFT_PX:RIGHT_PX].copy()
