"""The landmarks of all faces of a clip, frame by frame, each followed and smoothed.

Every frame is also searched anew: of two faces on the same place the larger one counts, so a face that came
into view is picked up and a follower that slipped off is replaced. Source: the published code of
FantasyPortrait; it takes no face below 96 pixels, here 48, so that a small driver is not lost.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.face_detector import overlaps
from engine.conditioning.landmark_smoothing import LandmarkSmoother
from engine.conditioning.landmarks import FoundLandmarks, OnnxLandmarks

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

LEAST_PROBABILITY = 0.0001
LEAST_FACE_PX = 48.0
SAME_PLACE = 0.12
JAW_LEFT, JAW_RIGHT = 0, 32
FULL_TURN_DEGREES, YAW_WEIGHT = 18.0, 0.6


class FollowedFace:
    """One face: `points` [222, 2] smoothed, and `box` (left, top, right, bottom) about them, in pixels."""

    def __init__(self, detected_box: Points) -> None:
        self.points: Points | None = None
        self.box = np.asarray(detected_box, np.float64)
        self._size = 0.0
        self._smoother = LandmarkSmoother()

    def follow(self, picture_bgr: Picture, landmarks: OnnxLandmarks) -> bool:
        """Find the face in the next frame; return whether it is there and large enough."""
        if self.points is None:
            found = landmarks.in_box(picture_bgr, self.box)
        else:
            found = landmarks.near(picture_bgr, self.points)
        if found is None or not found.probability >= LEAST_PROBABILITY:
            return False
        self.points = self._smoother.smooth(found.points, self._size)
        self.box = np.concatenate([self.points.min(axis=0), self.points.max(axis=0)])
        self._size = _face_size(self.points, found)
        return bool((self.box[2:] - self.box[:2]).min() >= LEAST_FACE_PX)

    @property
    def area(self) -> float:
        """The box's area in square pixels."""
        return float((self.box[2:] - self.box[:2]).prod())


class LandmarkTracker:
    """Follows all faces through frames given in order."""

    def __init__(self, landmarks: OnnxLandmarks) -> None:
        self._landmarks = landmarks
        self.faces: list[FollowedFace] = []

    def step(self, picture_bgr: Picture, detected_N4: Sequence[Points] | NDArray[np.int32]) -> None:
        """Go to the next frame, in which a detector found faces in these boxes."""
        faces = [*self.faces, *(FollowedFace(box) for box in detected_N4)]
        self.faces = _apart([face for face in faces if face.follow(picture_bgr, self._landmarks)])


def _face_size(points: Points, found: FoundLandmarks) -> float:
    """Return the jaw's width, enlarged for a turned face, to which motion is compared."""
    width = float(np.linalg.norm(points[JAW_LEFT] - points[JAW_RIGHT]))
    turned = abs(np.rad2deg(found.pitch)) + YAW_WEIGHT * abs(np.rad2deg(found.yaw))
    return width * (1.0 + float(turned) / FULL_TURN_DEGREES)


def _apart(faces: list[FollowedFace]) -> list[FollowedFace]:
    """Return the faces without those that lie on a larger one (of equals the first stays)."""
    gone: set[int] = set()
    boxes = np.array([face.box for face in faces]).reshape(-1, 4)
    for first, face in enumerate(faces):
        if first in gone:
            continue
        for second in np.flatnonzero(overlaps(boxes, face.box) > SAME_PLACE).tolist():
            if second != first and second not in gone:
                gone.add(first if face.area < faces[second].area else second)
    return [face for number, face in enumerate(faces) if number not in gone]
