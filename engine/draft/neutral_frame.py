"""Choosing the neutral frame of a driving clip: mouth closed, eyes open, facing the camera, hardly moving,
and in the pose that the clip mostly shows, so that the other frames can be registered to it.

Each candidate is measured in its own face frame, the measures are compared among the candidates (robust
z-scores), and the calmest wins; of equals the earliest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import CROP_PX, cut_face, steady_mask
from engine.draft.face_features import FaceFeatures, PixelBox
from engine.draft.face_frame import BOX_SHARE, LEFT_EYE, MOUTH, RIGHT_EYE, pose_of
from engine.media.opencv import cv2

MOUTH_WEIGHT, EYES_WEIGHT, FRONTAL_WEIGHT, MOTION_WEIGHT = 1.6, 0.6, 1.2, 0.5
USUAL_WEIGHT = 1.4
EYES_MISSED = 4.0
THUMBNAIL_PX = 48


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calmness:
    """Measures of one candidate. `mouth`: how much dark or bright there is between the lips; `eyes`:
    contrast in the eye openings; `turn`: how far the nose side of the face is from symmetric; `motion`:
    change to the next frame; `face` [pixels]: the face without its mouth, small, of mean 0 and length 1.
    """

    mouth: float
    eyes: float
    turn: float
    motion: float
    eyes_found: bool
    face: NDArray[np.float32]


def measure_calmness(
    picture_bgr: NDArray[np.uint8], following_bgr: NDArray[np.uint8], box: PixelBox, features: FaceFeatures
) -> Calmness:
    """Measure the face in `box`; `following_bgr` is the next frame of the clip."""
    pose = pose_of(features, box)
    face = cv2.cvtColor(cut_face(picture_bgr, pose), cv2.COLOR_BGR2GRAY).astype(np.float32)
    later = cv2.cvtColor(cut_face(following_bgr, pose), cv2.COLOR_BGR2GRAY).astype(np.float32)
    level = float(np.std(_window(face, (0.5, 0.53), 0.4 * BOX_SHARE, 0.45 * BOX_SHARE))) + 1.0
    eyes = [_window(face, eye, 0.055, 0.03) for eye in (LEFT_EYE, RIGHT_EYE)]
    left, right = features.left_eye, features.right_eye
    apart = max(right[0] - left[0], 0.05)
    turn = abs(features.mouth[0] - (left[0] + right[0]) / 2) / apart
    return Calmness(
        mouth=_between_the_lips(face) / level,
        eyes=float(np.mean([np.std(eye) for eye in eyes])) / level,
        turn=turn + _asymmetry(face) / level,
        motion=float(np.abs(face - later).mean()) / level,
        eyes_found=features.eyes_found,
        face=_thumbnail(face),
    )


def _window(
    face: NDArray[np.float32], centre: tuple[float, float], half_width: float, half_height: float
) -> NDArray[np.float32]:
    left, right = (round((centre[0] + sign * half_width) * CROP_PX) for sign in (-1, 1))
    top, bottom = (round((centre[1] + sign * half_height) * CROP_PX) for sign in (-1, 1))
    return face[top:bottom, left:right]


def _between_the_lips(face: NDArray[np.float32]) -> float:
    """Return the mean departure from skin brightness in the mouth window (teeth and darkness both count)."""
    mouth = _window(face, (MOUTH[0], MOUTH[1] + 0.015), 0.085, 0.06)
    return float(np.abs(mouth - np.median(mouth)).mean())


def _asymmetry(face: NDArray[np.float32]) -> float:
    soft = np.asarray(cv2.GaussianBlur(face, (0, 0), 5.0), np.float32)
    middle = _window(soft, (0.5, 0.5), 0.32 * BOX_SHARE, 0.2)
    return float(np.abs(middle - middle[:, ::-1]).mean()) * 0.5


def _thumbnail(face: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    small = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_AREA), np.float32)
    pixels = small[steady_mask(THUMBNAIL_PX) > 0]
    pixels = pixels - pixels.mean()
    return np.asarray(pixels / (np.linalg.norm(pixels) + 1e-6), np.float32)


def _usualness(faces: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return how like the others each face is: the mean of its correlations, those below 0 as 0."""
    stack = np.stack(faces).astype(np.float64)
    alike = np.clip(stack @ stack.T, 0.0, 1.0)
    return np.asarray((alike.sum(axis=1) - 1.0) / max(len(faces) - 1, 1), np.float64)


def calmest(candidates: Sequence[Calmness]) -> int:
    """Return the index of the calmest candidate."""
    unrest = (
        MOUTH_WEIGHT * _score([one.mouth for one in candidates])
        - EYES_WEIGHT * _score([one.eyes for one in candidates])
        + FRONTAL_WEIGHT * _score([one.turn for one in candidates])
        + MOTION_WEIGHT * _score([one.motion for one in candidates])
        - USUAL_WEIGHT * _score(_usualness([one.face for one in candidates]).tolist())
        + EYES_MISSED * np.array([not one.eyes_found for one in candidates])
        + 0.02 * np.arange(len(candidates))
    )
    return int(np.argmin(unrest))


def _score(values: Sequence[float]) -> NDArray[np.float64]:
    """Return robust z-scores: distance from the median in units of the spread, at most 3."""
    numbers = np.array(values, np.float64)
    spread = 1.4826 * float(np.median(np.abs(numbers - np.median(numbers)))) + 0.02
    return np.clip((numbers - np.median(numbers)) / spread, -3.0, 3.0)
