"""Faces of a driving clip by the detector and the landmark network of a model bundle.

Source: the published code of FantasyPortrait. As there, landmarks are followed twice: first to learn where
the face is, then from that box on, which gives the points. There the largest face drives, and frames without
a face are dropped; here the face that was asked for is followed and no frame is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.face_alignment import alignment_points
from engine.conditioning.face_choice import best_overlap, chosen_faces, most_faces
from engine.conditioning.face_detector import OnnxFaceDetector
from engine.conditioning.face_finder import DriverFrames, FoundFace, no_face
from engine.conditioning.landmark_tracking import LandmarkTracker
from engine.conditioning.landmarks import OnnxLandmarks

Boxes = NDArray[np.float64]

SEARCH_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Place:
    """Where the driver is in a frame: `detected_N4` of all faces, `box` about the driver's landmarks."""

    frame: int
    detected_N4: NDArray[np.int32]
    box: Boxes


class LandmarkFaceFinder:
    """Finds faces with the ONNX files of a bundle. Raises UserError where a file cannot be used."""

    def __init__(self, detector: Path, landmarks: Path) -> None:
        self._detector = OnnxFaceDetector(detector)
        self._landmarks = OnnxLandmarks(landmarks)

    @property
    def name(self) -> str:
        """What finds: the files belong to the bundle, which is known by its own hashes."""
        return "landmarks"

    def find(
        self, frames: DriverFrames, face_index: int, on_progress: Callable[[float], None]
    ) -> list[FoundFace | None]:
        """Return the face in every frame; see `FaceFinder`."""
        places = self._places(frames, face_index, lambda share: on_progress(SEARCH_SHARE * share))
        found: list[FoundFace | None] = [None] * len(frames.times)
        tracker = LandmarkTracker(self._landmarks)
        for done, picture in enumerate(frames.pictures([place.frame for place in places])):
            place = places[done]
            tracker.step(picture, place.detected_N4 if tracker.faces else [place.box])
            found[place.frame] = _driver(tracker, place)
            on_progress(SEARCH_SHARE + (1.0 - SEARCH_SHARE) * (done + 1) / len(places))
        if not any(found):
            raise no_face(frames.path, face_index, 0)
        return found

    def _places(
        self, frames: DriverFrames, face_index: int, on_progress: Callable[[float], None]
    ) -> list[_Place]:
        tracker = LandmarkTracker(self._landmarks)
        detected, boxes = [], []
        for number, picture in enumerate(frames.pictures()):
            detected.append(self._detector.detect(picture).boxes_N4)
            tracker.step(picture, detected[-1])
            boxes.append(np.array([face.box for face in tracker.faces]).reshape(-1, 4))
            on_progress((number + 1) / len(frames.times))
        chosen = chosen_faces(boxes, face_index)
        if chosen is None:
            raise no_face(frames.path, face_index, most_faces(boxes))
        return [
            _Place(frame=frame, detected_N4=detected[frame], box=boxes[frame][face])
            for frame, face in enumerate(chosen)
            if face is not None
        ]


def _driver(tracker: LandmarkTracker, place: _Place) -> FoundFace | None:
    boxes = np.array([face.box for face in tracker.faces]).reshape(-1, 4)
    number = best_overlap(boxes, place.box)
    points = None if number is None else tracker.faces[number].points
    return None if points is None else FoundFace(points=alignment_points(points), box=place.box)
