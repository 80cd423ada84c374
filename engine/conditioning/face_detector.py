"""Faces in a picture by the published detector, a NanoDet-style network in an ONNX file.

Its input is 160 x 272 pixels; at strides 8, 16 and 32 each place gives a score and, for each side of a box, a
distribution over distances of 0 to 7 strides (generalised focal loss, arXiv 2006.04388).

Source: the published code of FantasyPortrait. Shapes: N places or boxes, S sides (left, top, right, bottom).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.onnx_network import OnnxNetwork
from engine.media.opencv import cv2

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]
Matrix = NDArray[np.float64]

INPUT_HEIGHT, INPUT_WIDTH = 272, 160
STRIDES = (8, 16, 32)
DISTANCES = 8
LEAST_SCORE = 0.4
MOST_OVERLAP = 0.3
CANDIDATES = 200
_MEAN = np.array([103.53, 116.28, 123.675], np.float32) / 255
_DEVIATION = np.array([57.375, 57.12, 58.395], np.float32) / 255
_PLACES = tuple((INPUT_HEIGHT // stride) * (INPUT_WIDTH // stride) for stride in STRIDES)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectedFaces:
    """`boxes_N4`: left, top, right, bottom in whole pixels, int32; `scores_N`: from 0 to 1; best first."""

    boxes_N4: NDArray[np.int32]
    scores_N: NDArray[np.float64]


class OnnxFaceDetector:
    """The detector of a bundle. Raises UserError where its file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._network = OnnxNetwork(path)

    def detect(self, picture_bgr: Picture) -> DetectedFaces:
        """Return the faces of a BGR picture [height, width, 3]."""
        matrix = resize_matrix(picture_bgr.shape[1], picture_bgr.shape[0])
        sizes = [(places * numbers,) for numbers in (1, 4 * DISTANCES) for places in _PLACES]
        found = self._network.outputs_of_sizes(
            detector_input(picture_bgr, matrix), sizes, "the face detector of a model bundle"
        )
        levels = len(STRIDES)
        return decode(found[:levels], found[levels:], matrix, picture_bgr.shape[:2])


def resize_matrix(width: int, height: int) -> Matrix:
    """Return the matrix [3, 3] that fits a picture into the middle of the detector's input."""
    scale = min(INPUT_HEIGHT / height, INPUT_WIDTH / width)
    matrix = np.diag([scale, scale, 1.0])
    matrix[:2, 2] = [0.5 * INPUT_WIDTH - scale * width / 2, 0.5 * INPUT_HEIGHT - scale * height / 2]
    return matrix


def detector_input(picture_bgr: Picture, matrix: Matrix) -> Plane:
    """Return a BGR picture as the network's input, float32 [1, 3, INPUT_HEIGHT, INPUT_WIDTH]."""
    fitted = cv2.warpPerspective(picture_bgr, matrix, dsize=(INPUT_WIDTH, INPUT_HEIGHT))
    normal = (fitted.astype(np.float32) / 255 - _MEAN) / _DEVIATION
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


def decode(
    scores: Sequence[Plane], distances: Sequence[Plane], matrix: Matrix, height_width: tuple[int, int]
) -> DetectedFaces:
    """Return the faces in the network's outputs: `scores` [N] and `distances` [N, 4 * DISTANCES] for
    each stride. `matrix` and `height_width` are of the picture.
    """
    # of equal scores the published code takes the one that these two sorts bring to the end
    orders = [np.argsort(one.ravel())[::-1] for one in scores]
    reach = zip(distances, STRIDES, orders, strict=True)
    boxes_NS = np.concatenate([_boxes(one, stride)[order] for one, stride, order in reach])
    ranked = [one.ravel()[order] for one, order in zip(scores, orders, strict=True)]
    scores_N = np.concatenate(ranked).astype(np.float64)
    sure = np.flatnonzero((scores_N > LEAST_SCORE) & np.isfinite(boxes_NS).all(axis=1))
    kept = sure[_not_overlapping(boxes_NS[sure], scores_N[sure])]
    return DetectedFaces(boxes_N4=_in_picture(boxes_NS[kept], matrix, height_width), scores_N=scores_N[kept])


def _boxes(distances: Plane, stride: int) -> Matrix:
    """Return the boxes [N, S] of one stride in pixels of the input."""
    raw = distances.reshape(-1, DISTANCES)
    weights = np.exp(raw - raw.max(axis=1, keepdims=True))
    weights = weights / weights.sum(axis=1, keepdims=True)
    reach_NS = (weights * np.arange(DISTANCES)).sum(axis=1).reshape(-1, 4) * stride
    rows, columns = np.mgrid[0 : INPUT_HEIGHT // stride, 0 : INPUT_WIDTH // stride] * stride
    x, y = columns.ravel(), rows.ravel()
    boxes = np.stack([x, y, x, y], axis=1) + np.array([-1.0, -1.0, 1.0, 1.0]) * reach_NS
    return np.asarray(boxes, np.float64)


def _not_overlapping(boxes_NS: Matrix, scores_N: NDArray[np.float64]) -> list[int]:
    """Return the boxes to keep, best first: none overlaps a better one by more than MOST_OVERLAP."""
    kept: list[int] = []
    left = np.argsort(scores_N)[::-1][:CANDIDATES]
    while len(left):
        kept.append(int(left[0]))
        left = left[1:]
        left = left[overlaps(boxes_NS[left], boxes_NS[kept[-1]]) <= MOST_OVERLAP]
    return kept


def overlaps(boxes_NS: Matrix, box_S: Matrix) -> NDArray[np.float64]:
    """Return the common area of each box with one other as a share of the area of both together."""
    start = np.maximum(boxes_NS[..., :2], box_S[:2])
    end = np.minimum(boxes_NS[..., 2:], box_S[2:])
    common = _area(start, end)
    both = _area(boxes_NS[..., :2], boxes_NS[..., 2:]) + _area(box_S[:2], box_S[2:]) - common
    return np.asarray(common / (both + 1e-5), np.float64)


def _area(start: Matrix, end: Matrix) -> Matrix:
    return np.asarray(np.clip(end - start, 0.0, None).prod(axis=-1), np.float64)


def _in_picture(boxes_NS: Matrix, matrix: Matrix, height_width: tuple[int, int]) -> NDArray[np.int32]:
    """Return boxes carried back to the picture, cut to it, in whole pixels."""
    back = np.linalg.inv(matrix)
    corners = boxes_NS.reshape(-1, 2, 2) @ back[:2, :2].T + back[:2, 2]
    height, width = height_width
    inside = np.clip(corners, 0, [width, height]).astype(np.float32)
    return np.asarray(inside.reshape(-1, 4), np.int32)
