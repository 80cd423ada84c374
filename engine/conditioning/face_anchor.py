"""A frame in which a face was measured, and the frames that can be registered to it.

The five points are measured once, in the anchor; the tracker carries them to other frames. Eyes and lips
measured anew in each frame tremble by more than a head moves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.face_alignment import TEMPLATE
from engine.draft.face_detection import find_faces
from engine.draft.face_features import FaceFeatures, PixelBox
from engine.draft.face_frame import BOX_SHARE, BOX_START, Pose, apply, invert, pose_of
from engine.draft.face_tracking import FaceTracker, pixel_box
from engine.draft.still_face import agreed_features

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

SURROUNDINGS = 0.8
SEARCH_SIDE_PX = 360
USUAL_DEPTH, NEAREST_DEPTH, FARTHEST_DEPTH = 1.07, 0.85, 1.45
FARTHEST_ASIDE = 0.45


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnchoredFace:
    """A face in a frame: `points` [5, 2] and `box` (left, top, right, bottom) in pixels, from a pixel's
    corner; `likeness` to the anchor, at most 1; `anchor`: by which one it was found.
    """

    points: Points
    box: Points
    likeness: float
    anchor: "FaceAnchor"


class FaceAnchor:
    """A face measured in one picture. `is_sure`: its eyes were found, and its mouth where mouths are."""

    def __init__(self, picture_bgr: Picture, box: PixelBox) -> None:
        features = agreed_features(picture_bgr, box)
        neutral = pose_of(features, box)
        self.is_sure = (
            features.eyes_found and features.mouth_found and _is_mouth(_mouth_offset(features, box))
        )
        self._points = apply(invert(neutral), five_points(features, box))
        self._tracker = FaceTracker(picture_bgr, neutral)

    def restart(self) -> None:
        """Look for the face where it was in the anchor, not where it was last."""
        self._tracker.restart(None)

    def follow(self, picture_bgr: Picture, expected: PixelBox | None = None) -> AnchoredFace | None:
        """Return the face in the next frame, or None where it is lost."""
        face = self._tracker.follow(picture_bgr, expected)
        if face is None:
            return None
        return AnchoredFace(
            points=apply(face.pose, self._points),
            box=_box(face.pose),
            likeness=face.likeness,
            anchor=self,
        )


def find_anchor(picture_bgr: Picture, expected: Points) -> FaceAnchor | None:
    """Return the frontal face nearest to the box `expected`, measured; None where there is none."""
    height, width = picture_bgr.shape[:2]
    margin = SURROUNDINGS * (expected[2:] - expected[:2])
    left, top = np.clip(expected[:2] - margin, 0, [width, height]).astype(int).tolist()
    right, bottom = np.clip(expected[2:] + margin, 0, [width, height]).astype(int).tolist()
    part = picture_bgr[top:bottom, left:right]
    if part.size == 0:
        return None
    boxes = [pixel_box(face, part) for face in find_faces(part, SEARCH_SIDE_PX) if face.view == "frontal"]
    near = [PixelBox(x=left + b.x, y=top + b.y, width=b.width, height=b.height) for b in boxes]
    near = [box for box in near if _distance(box, expected) < box.width]
    if not near:
        return None
    return FaceAnchor(picture_bgr, min(near, key=lambda box: _distance(box, expected)))


def five_points(features: FaceFeatures, box: PixelBox) -> Points:
    """Return pupils, nose tip and mouth corners [5, 2] in pixels from a face's features.

    The nose tip lies between eyes and mouth as in the template, and the mouth is as wide against the eyes'
    distance: where a line between lips ends is told too badly from a picture. A mouth where no mouth can be
    is put where it usually is.
    """
    left, right, _ = _found_points(features, box)
    offset = _mouth_offset(features, box)
    aside, depth = offset if _is_mouth(offset) else (0.0, USUAL_DEPTH)
    across = right - left
    eyes = (left + right) / 2
    mouth = eyes + aside * across + depth * np.array([-across[1], across[0]])
    eyes_middle, mouth_middle = TEMPLATE[:2].mean(axis=0), TEMPLATE[3:].mean(axis=0)
    down = float((TEMPLATE[2] - eyes_middle)[1] / (mouth_middle - eyes_middle)[1])
    width = float((TEMPLATE[4] - TEMPLATE[3])[0] / (TEMPLATE[1] - TEMPLATE[0])[0])
    half_mouth = width * across / 2
    return np.stack([left, right, eyes + down * (mouth - eyes), mouth - half_mouth, mouth + half_mouth])


def _found_points(features: FaceFeatures, box: PixelBox) -> tuple[Points, Points, Points]:
    start, size = np.array([box.x, box.y]), np.array([box.width, box.height])
    left, right, mouth = (
        start + size * np.array(point) for point in (features.left_eye, features.right_eye, features.mouth)
    )
    return left, right, mouth


def _mouth_offset(features: FaceFeatures, box: PixelBox) -> tuple[float, float]:
    """Return where the mouth is from between the eyes, aside and down the face, in distances of the eyes."""
    left, right, mouth = _found_points(features, box)
    across, away = right - left, mouth - (left + right) / 2
    square = float(across @ across)
    return float(away @ across) / square, float(away @ np.array([-across[1], across[0]])) / square


def _is_mouth(offset: tuple[float, float]) -> bool:
    aside, depth = offset
    return abs(aside) < FARTHEST_ASIDE and NEAREST_DEPTH < depth < FARTHEST_DEPTH


def _box(pose: Pose) -> Points:
    middle = apply(pose, np.array([BOX_START + BOX_SHARE / 2] * 2))
    half = 0.5 * BOX_SHARE * np.hypot(pose[0, 0], pose[1, 0])
    return np.concatenate([middle - half, middle + half])


def _distance(box: PixelBox, expected: Points) -> float:
    middle = (expected[:2] + expected[2:]) / 2
    return float(np.hypot(box.x + box.width / 2 - middle[0], box.y + box.height / 2 - middle[1]))
