"""Finding faces in a picture with OpenCV's Haar cascades: frontal and profile, both ways round, merged.

Method: Viola and Jones, 2001 (doi:10.1109/CVPR.2001.990517), with the cascades that OpenCV ships.
"""

import math
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.media.opencv import cv2

View = Literal["frontal", "profile"]

WORKING_SIDE_PX = 720
SMALLEST_FACE_SHARE = 0.05
ACCEPTED_CONFIDENCE = 0.6
FLATTEST_CONTRAST = 8.0
SMALLEST_PICTURE_PX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceBox:
    """A face: left, top, width and height as shares of the picture, confidence from 0 to 1, and how it is
    turned.
    """

    x: float
    y: float
    width: float
    height: float
    confidence: float
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """One cascade's answer in pixels of the working picture; `strength` from 0 to 1 is comparable between
    cascades.
    """

    x: float
    y: float
    side: float
    strength: float
    cascade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strength:
    """How a cascade's last-stage weight becomes a strength: 0 at `nothing`, 1 at `certain`, times `trust`."""

    nothing: float
    certain: float
    trust: float


_CASCADES = {
    "frontalface_alt2": _Strength(nothing=53.5, certain=57.0, trust=1.0),
    "frontalface_default": _Strength(nothing=0.0, certain=9.0, trust=1.0),
    "profileface": _Strength(nothing=-1.0, certain=4.0, trust=0.8),
}
_EYES_FOUND, _EYES_MISSING = 0.3, -0.25


_loaded = threading.local()


def load_cascade(name: str) -> cv2.CascadeClassifier:
    """Return this thread's classifier (one may not be shared between threads). `name` as in its file's
    name.
    """
    cascade: cv2.CascadeClassifier | None = getattr(_loaded, name, None)
    if cascade is None:
        folder = Path(sys.modules["cv2"].data.haarcascades)
        cascade = cv2.CascadeClassifier(str(folder / f"haarcascade_{name}.xml"))
        setattr(_loaded, name, cascade)
    return cascade


def find_faces(picture_bgr: NDArray[np.uint8], working_side_px: int = WORKING_SIDE_PX) -> tuple[FaceBox, ...]:
    """Return the faces in a BGR picture [height, width, 3], from left to right; an empty tuple when there
    are none.

    `working_side_px` is the longer side of the scaled picture that is searched: smaller is faster, and
    misses small faces.
    """
    height, width = picture_bgr.shape[:2]
    if min(height, width) < SMALLEST_PICTURE_PX:
        return ()
    grey = _working_picture(picture_bgr, working_side_px)
    faces = [_face(group, grey) for group in _grouped(list(_candidates(grey)))]
    kept = _without_overlaps([face for face in faces if face.confidence >= ACCEPTED_CONFIDENCE])
    return tuple(sorted(kept, key=lambda face: face.x + face.width / 2))


def _working_picture(picture_bgr: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    height, width = picture_bgr.shape[:2]
    scale = side_px / max(height, width)
    size = (max(24, round(width * scale)), max(24, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grey = cv2.resize(cv2.cvtColor(picture_bgr, cv2.COLOR_BGR2GRAY), size, interpolation=interpolation)
    return np.asarray(cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(grey), np.uint8)


def _candidates(grey: NDArray[np.uint8]) -> Iterator[_Candidate]:
    mirrored = np.ascontiguousarray(grey[:, ::-1])
    for name in _CASCADES:
        cascade = load_cascade(name)
        yield from _detections(cascade, name, grey, mirrored=False)
        yield from _detections(cascade, name, mirrored, mirrored=True)


def _detections(
    cascade: cv2.CascadeClassifier, name: str, grey: NDArray[np.uint8], *, mirrored: bool
) -> Iterator[_Candidate]:
    smallest = max(24, round(min(grey.shape) * SMALLEST_FACE_SHARE))
    boxes, _levels, weights = cascade.detectMultiScale3(
        grey, scaleFactor=1.1, minNeighbors=3, minSize=(smallest, smallest), outputRejectLevels=True
    )
    scale = _CASCADES[name]
    for (x, y, side, _), weight in zip(boxes, weights, strict=True):
        left = grey.shape[1] - x - side if mirrored else x
        share = (float(weight) - scale.nothing) / (scale.certain - scale.nothing)
        strength = scale.trust * min(max(share, 0.05), 1.2)
        yield _Candidate(x=float(left), y=float(y), side=float(side), strength=strength, cascade=name)


def _overlap(a: _Candidate, b: _Candidate) -> float:
    """Return the common area as a share of the smaller square."""
    across = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    down = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    return max(across, 0.0) * max(down, 0.0) / min(a.side, b.side) ** 2


def _grouped(candidates: list[_Candidate]) -> list[list[_Candidate]]:
    groups: list[list[_Candidate]] = []
    for candidate in sorted(candidates, key=lambda found: (-found.strength, found.x, found.y)):
        home = next((group for group in groups if _same_face(group[0], candidate)), None)
        if home is None:
            groups.append([candidate])
        else:
            home.append(candidate)
    return groups


def _same_face(a: _Candidate, b: _Candidate) -> bool:
    return _overlap(a, b) > 0.5 and max(a.side, b.side) < 2.2 * min(a.side, b.side)


def _face(group: list[_Candidate], grey: NDArray[np.uint8]) -> FaceBox:
    frontal = [found for found in group if found.cascade != "profileface"]
    chosen = [found for found in frontal if found.cascade == "frontalface_alt2"] or frontal or group
    weights = np.array([found.strength for found in chosen])
    x, y, side = (
        float(np.average([getattr(found, name) for found in chosen], weights=weights))
        for name in ("x", "y", "side")
    )
    height, width = grey.shape
    evidence = sum(found.strength for found in group) + _eye_evidence(grey, x, y, side)
    return FaceBox(
        x=x / width,
        y=y / height,
        width=side / width,
        height=side / height,
        confidence=1.0 - math.exp(-0.9 * max(evidence, 0.0)),
        view="frontal" if frontal else "profile",
    )


def _eye_evidence(grey: NDArray[np.uint8], x: float, y: float, side: float) -> float:
    """Return a bonus when eyes are where eyes belong, a malus when not or when the square is flat."""
    top, left = max(round(y + 0.15 * side), 0), max(round(x), 0)
    upper = grey[top : round(y + 0.6 * side), left : round(x + side)]
    if upper.size == 0 or float(upper.std()) < FLATTEST_CONTRAST:
        return -10.0
    size = (160, max(8, round(160 * upper.shape[0] / upper.shape[1])))
    eyes = load_cascade("eye").detectMultiScale(
        cv2.resize(upper, size), scaleFactor=1.08, minNeighbors=3, minSize=(22, 22)
    )
    return _EYES_FOUND * min(len(eyes), 2) if len(eyes) else _EYES_MISSING


def _without_overlaps(faces: list[FaceBox]) -> list[FaceBox]:
    """Keep the most confident of faces that cover each other, and drop specks beside a face many times
    their size.
    """
    kept: list[FaceBox] = []
    for face in sorted(faces, key=lambda found: -found.confidence):
        if all(_covered(face, other) < 0.35 for other in kept):
            kept.append(face)
    largest = max((face.width for face in kept), default=0.0)
    return [face for face in kept if face.confidence > 0.85 or face.width > 0.3 * largest]


def _covered(a: FaceBox, b: FaceBox) -> float:
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(across, 0.0) * max(down, 0.0) / min(a.width * a.height, b.width * b.height)
