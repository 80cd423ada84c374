"""What remains of a driver's motion once the head's similarity is taken out: dense flow to the neutral
face.

Dense inverse search (Kroeger et al., 2016, arXiv 1603.03590) from the stabilised crop to the neutral crop
gives, for every pixel, where in the neutral face it comes from. What the neutral face cannot explain is
filled from around it.
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
    """Backward flow [GRID, GRID, 2] (x, y in shares of the face frame), confidence [GRID, GRID] from 0 to
    1, and the neutral crop carried along by the flow [CROP_PX, CROP_PX, 3].
    """

    flow: NDArray[np.float32]
    confidence: NDArray[np.float32]
    explained_bgr: NDArray[np.uint8]


class FlowToNeutral:
    """Measures the residual flow of stabilised crops against one neutral crop."""

    def __init__(self, neutral_bgr: NDArray[np.uint8]) -> None:
        self._neutral_bgr = neutral_bgr
        self._neutral = np.asarray(cv2.cvtColor(neutral_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        rows, columns = np.mgrid[0:CROP_PX, 0:CROP_PX].astype(np.float32)
        self._columns, self._rows = columns, rows

    def measure(self, crop_grey: NDArray[np.uint8]) -> ResidualFlow:
        """Return the flow of a grey crop [CROP_PX, CROP_PX]."""
        flow = np.zeros((CROP_PX, CROP_PX, 2), np.float32)
        flow = np.asarray(self._search.calc(crop_grey, self._neutral, flow), np.float32)
        explained = cv2.remap(
            self._neutral_bgr,
            self._columns + flow[..., 0],
            self._rows + flow[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        error = cv2.absdiff(crop_grey, cv2.cvtColor(explained, cv2.COLOR_BGR2GRAY)).astype(np.float32)
        confidence = np.exp(-cv2.blur(error, (7, 7)) / ERROR_SCALE).astype(np.float32)
        filled, share = _filled((flow / CROP_PX).astype(np.float32), confidence)
        return ResidualFlow(flow=filled, confidence=share, explained_bgr=np.asarray(explained, np.uint8))


def _filled(
    flow: NDArray[np.float32], confidence: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Reduce to GRID by confidence-weighted means; where confidence is low take the surroundings' flow."""
    weighted = flow * confidence[..., None]
    size = (GRID, GRID)
    share = np.asarray(cv2.resize(confidence, size, interpolation=cv2.INTER_AREA), np.float32)
    total = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA)
    fine = cv2.GaussianBlur(total, (0, 0), 0.9) / (cv2.GaussianBlur(share, (0, 0), 0.9)[..., None] + 1e-3)
    wide = cv2.GaussianBlur(total, (0, 0), 3.5) / (cv2.GaussianBlur(share, (0, 0), 3.5)[..., None] + 1e-3)
    trust = np.clip((share - 0.25) / 0.4, 0.0, 1.0)[..., None]
    return _limited(trust * fine + (1.0 - trust) * wide), share


def _limited(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take measuring noise out of still places and wild values out of the rest, both smoothly."""
    length = np.sqrt((flow**2).sum(axis=2, keepdims=True)) + 1e-9
    quieted = length**3 / (length**2 + NOISE_SHARE**2)
    return np.asarray(flow * (LARGEST_SHARE * np.tanh(quieted / LARGEST_SHARE) / length), np.float32)
