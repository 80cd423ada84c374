"""What remains of a driver's motion once the head's similarity is taken out: dense flow to the neutral face.

Dense inverse search (Kroeger et al., 2016, arXiv 1603.03590) from the stabilised crop to the neutral crop gives, for
every pixel, where in the neutral face it comes from. What the neutral face cannot explain is filled from around it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import CROP_PX
from engine.media.opencv import cv2

GRID = 96
ERROR_SCALE = 18.0
NOISE_SHARE = 0.0012
LARGEST_SHARE = 0.13


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualFlow:
    """Backward flow [GRID, GRID, 2] (x, y in shares of the face frame) and confidence [GRID, GRID] from 0 to 1."""

    flow: NDArray[np.float32]
    confidence: NDArray[np.float32]


class FlowToNeutral:
    """Measures the residual flow of stabilised grey crops against one neutral crop."""

    def __init__(self, neutral_grey: NDArray[np.uint8]) -> None:
        self._neutral = neutral_grey
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        rows, columns = np.mgrid[0:CROP_PX, 0:CROP_PX].astype(np.float32)
        self._columns, self._rows = columns, rows

    def measure(self, crop_grey: NDArray[np.uint8]) -> ResidualFlow:
        """Return the flow of a crop [CROP_PX, CROP_PX]."""
        flow = self._search.calc(crop_grey, self._neutral, None)
        explained = cv2.remap(
            self._neutral,
            self._columns + flow[..., 0],
            self._rows + flow[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        error = cv2.absdiff(crop_grey, explained).astype(np.float32)
        confidence = np.exp(-cv2.blur(error, (7, 7)) / ERROR_SCALE)
        return _filled(flow / CROP_PX, confidence)


def _filled(flow: NDArray[np.float32], confidence: NDArray[np.float32]) -> ResidualFlow:
    """Reduce to GRID by confidence-weighted means; where confidence is low take the surroundings' flow."""
    weighted = flow * confidence[..., None]
    size = (GRID, GRID)
    share = cv2.resize(confidence, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA)
    fine = cv2.GaussianBlur(total, (0, 0), 0.9) / (cv2.GaussianBlur(share, (0, 0), 0.9)[..., None] + 1e-3)
    wide = cv2.GaussianBlur(total, (0, 0), 3.5) / (cv2.GaussianBlur(share, (0, 0), 3.5)[..., None] + 1e-3)
    trust = np.clip((share - 0.25) / 0.4, 0.0, 1.0)[..., None]
    return ResidualFlow(flow=_limited(trust * fine + (1.0 - trust) * wide), confidence=share)


def _limited(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take measuring noise out of still places and wild values out of the rest, both smoothly."""
    length = np.sqrt((flow**2).sum(axis=2, keepdims=True)) + 1e-9
    quieted = length**3 / (length**2 + NOISE_SHARE**2)
    return np.asarray(flow * (LARGEST_SHARE * np.tanh(quieted / LARGEST_SHARE) / length), np.float32)
