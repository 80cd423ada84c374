"""222 landmarks of a face by the published network, which sees a crop of 128 x 128 pixels in an ONNX file.

It is asked three times, each time with a crop about the points it gave before. Source: the published code of
FantasyPortrait.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.landmark_smoothing import LANDMARKS
from engine.conditioning.onnx_network import OnnxNetwork
from engine.media.opencv import cv2

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
Matrix = NDArray[np.float64]

INPUT_PX = 128
MARGIN_SHARE = 0.15
ITERATIONS = 3
LEFT_EYE_CORNER, RIGHT_EYE_CORNER = 74, 96
LEAST_EXTENT_PX = 1.0
_OUTPUT_SIZES = ((2 * LANDMARKS,), (2, 3), (1,))
_PURPOSE = "the landmark network of a model bundle"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundLandmarks:
    """`points`: [222, 2] in pixels of the picture; `pitch` and `yaw` in radians; `probability` that it is a
    face.
    """

    points: Points
    pitch: float
    yaw: float
    probability: float


class OnnxLandmarks:
    """The landmark network of a bundle. Raises UserError where its file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._network = OnnxNetwork(path)

    def in_box(self, picture_bgr: Picture, box: Points) -> FoundLandmarks | None:
        """Return the landmarks of the face in `box` (left, top, right, bottom in pixels), or None of none."""
        return self._found(picture_bgr, np.asarray(box, np.float64).reshape(2, 2), 0.0)

    def near(self, picture_bgr: Picture, points: Points) -> FoundLandmarks | None:
        """Return the landmarks of the face whose landmarks were `points` a frame ago, or None of none."""
        return self._found(picture_bgr, points, _roll(points))

    def _found(self, picture_bgr: Picture, points: Points, roll: float) -> FoundLandmarks | None:
        found = None
        for _ in range(ITERATIONS):
            matrix = crop_matrix(points, roll)
            if matrix is None:
                return None
            crop = cv2.warpAffine(picture_bgr, matrix, (INPUT_PX, INPUT_PX))
            found, roll = self._seen(np.asarray(crop, np.uint8), matrix)
            points = found.points
        return found

    def _seen(self, crop_bgr: Picture, matrix: Matrix) -> tuple[FoundLandmarks, float]:
        """Return what one crop shows, and the face's roll in the crop (not in the picture: as published)."""
        input_ = np.ascontiguousarray(crop_bgr.transpose(2, 0, 1)[None], np.float32) / np.float32(255.0)
        numbers, angles, probability = self._network.outputs_of_sizes(input_, _OUTPUT_SIZES, _PURPOSE)
        crop_points = numbers.reshape(2, LANDMARKS).T.astype(np.float64) * INPUT_PX
        back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        found = FoundLandmarks(
            points=crop_points @ back[:, :2].T + back[:, 2],
            pitch=float(angles[0]),
            yaw=float(angles[1]),
            probability=float(probability[0]),
        )
        return found, _roll(crop_points)


def _roll(points: Points) -> float:
    across = points[RIGHT_EYE_CORNER] - points[LEFT_EYE_CORNER]
    return math.atan2(across[1], across[0])


def crop_matrix(points: Points, roll: float) -> Matrix | None:
    """Return the matrix [2, 3] that turns a picture by `roll` (radians) and brings points into the middle of
    the network's input, with a margin; None where the points are not finite or all in one place.
    """
    if not np.isfinite(points).all():
        return None
    angle, middle = math.degrees(roll), _bounds(points).mean(axis=0)
    upright = _turned(points, np.asarray(cv2.getRotationMatrix2D(middle.tolist(), angle, 1.0), np.float64))
    extent = float(np.ptp(_bounds(upright), axis=0).max())
    if extent < LEAST_EXTENT_PX:
        return None
    scale = INPUT_PX / extent * (1.0 - MARGIN_SHARE)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle.tolist(), angle, scale), np.float64)
    matrix[:, 2] += INPUT_PX / 2 - _bounds(_turned(points, matrix)).mean(axis=0)
    return matrix


def _turned(points: Points, matrix: Matrix) -> Points:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _bounds(points: Points) -> Points:
    """Return the smallest and the largest coordinates, [2, 2]."""
    return np.stack([points.min(axis=0), points.max(axis=0)])
