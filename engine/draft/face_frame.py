"""The face frame: one set of coordinates in which every face has its eyes and mouth in the same places.

The face frame is the square from 0 to 1 that holds the face box and GROWTH of its size on every side. A
pose is a 2x3 float64 matrix from the face frame to pixels of a picture: roll, a scale across, a scale along
the face, a place.
"""

import math

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_features import AVERAGE_FEATURES, AVERAGE_MOUTH, FaceFeatures, PixelBox

Pose = NDArray[np.float64]

GROWTH = 0.35
BOX_SHARE = 1.0 / (1.0 + 2 * GROWTH)
BOX_START = GROWTH * BOX_SHARE
SCALE_LIMIT = 1.35
STRETCH_LIMIT = 1.25


def from_box_share(point: tuple[float, float]) -> tuple[float, float]:
    """Return a point given in shares of the face box in the face frame."""
    return (BOX_START + BOX_SHARE * point[0], BOX_START + BOX_SHARE * point[1])


LEFT_EYE = from_box_share(AVERAGE_FEATURES.left_eye)
RIGHT_EYE = from_box_share(AVERAGE_FEATURES.right_eye)
MOUTH = from_box_share(AVERAGE_MOUTH)
HEAD_PIVOT = (0.5, 0.56)


def pose_of(features: FaceFeatures, box: PixelBox) -> Pose:
    """Return the pose of a face whose features were found in `box` (pixels)."""

    def pixels(point: tuple[float, float]) -> NDArray[np.float64]:
        return np.array([box.x + point[0] * box.width, box.y + point[1] * box.height])

    left, right, mouth = pixels(features.left_eye), pixels(features.right_eye), pixels(features.mouth)
    across = right - left
    roll = math.atan2(across[1], across[0])
    usual = math.sqrt(box.width * box.height) / BOX_SHARE
    apart = float(np.hypot(*across)) / (RIGHT_EYE[0] - LEFT_EYE[0])
    scale_x = float(np.clip(apart, usual / SCALE_LIMIT, usual * SCALE_LIMIT))
    down = np.array([-math.sin(roll), math.cos(roll)])
    middle = (left + right) / 2
    length = float((mouth - middle) @ down) / (MOUTH[1] - LEFT_EYE[1])
    scale_y = float(np.clip(length, scale_x / STRETCH_LIMIT, scale_x * STRETCH_LIMIT))
    right_way = np.array([math.cos(roll), math.sin(roll)])
    linear = np.column_stack([right_way * scale_x, down * scale_y])
    anchor = np.array([(LEFT_EYE[0] + RIGHT_EYE[0]) / 2, LEFT_EYE[1]])
    return np.column_stack([linear, middle - linear @ anchor])


def apply(matrix: Pose, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points [..., 2] carried through a 2x3 matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose(outer: Pose, inner: Pose) -> Pose:
    """Return the 2x3 matrix that applies `inner`, then `outer`."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def invert(matrix: Pose) -> Pose:
    """Return the inverse of a 2x3 matrix."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])
