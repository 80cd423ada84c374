"""Where the face of a still is, told from the still itself: a region only says which face is meant.

The features are looked for in several crops about the detected face, and what most of them agree on counts.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_detection import FaceBox, find_faces
from engine.draft.face_features import (
    AVERAGE_FEATURES,
    FaceFeatures,
    PixelBox,
    find_features,
    traced_features,
)

Picture = NDArray[np.uint8]

FARTHEST_CENTRE = 0.35
LEAST_SHARE, LARGEST_SHARE = 0.45, 1.7
SMALL_REGION, SURROUNDINGS, SMALL_FACE_SIDE_PX = 0.15, 0.6, 360
CROPS = (
    (1.0, 0.0, 0.0),
    (1.08, 0.0, 0.0),
    (1.18, 0.0, 0.02),
    (0.94, 0.0, 0.0),
    (1.04, -0.04, 0.02),
    (1.04, 0.04, -0.02),
    (1.28, 0.0, 0.0),
)
FEWEST_EYES = 2
SAME_MOUTH = 0.03
REMEMBERED = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class StillFace:
    """A still's face: its features in shares of `box`, which is itself in shares of the region; whether it
    looks towards the viewer, so that the place of its mouth is sure.
    """

    features: FaceFeatures
    box: PixelBox
    is_frontal: bool

    def box_in(self, region: PixelBox) -> PixelBox:
        """Return the face's box in pixels for the region's box in pixels."""
        return PixelBox(
            x=region.x + self.box.x * region.width,
            y=region.y + self.box.y * region.height,
            width=self.box.width * region.width,
            height=self.box.height * region.height,
        )


# what was looked for on which picture, about which box
_Asked = tuple[str, bytes, PixelBox | None]
_memory: OrderedDict[_Asked, tuple[PixelBox, ...] | FaceFeatures] = OrderedDict()
_memory_lock = threading.Lock()


class StillFaces:
    """The faces of one still. What is found is remembered for the next preparation of the same still."""

    def __init__(self, picture_bgr: Picture) -> None:
        self._picture = picture_bgr
        self._digest: bytes | None = None

    def face_in(self, region: PixelBox) -> StillFace:
        """Return the face that `region` (pixels of the still) means. Without a frontal face the region itself
        is taken for the face's box, and only eyes that are found in it make it frontal.
        """
        box = _meant(self._frontal(None), region)
        if box is None and region.width < SMALL_REGION * max(self._picture.shape[:2]):
            box = _meant(self._frontal(region), region)
        if box is None:
            features = find_features(self._picture, region)
            whole = PixelBox(x=0.0, y=0.0, width=1.0, height=1.0)
            return StillFace(features=features, box=whole, is_frontal=features.eyes_found)
        within = PixelBox(
            x=(box.x - region.x) / region.width,
            y=(box.y - region.y) / region.height,
            width=box.width / region.width,
            height=box.height / region.height,
        )
        return StillFace(features=self._features(box), box=within, is_frontal=True)

    def _frontal(self, region: PixelBox | None) -> tuple[PixelBox, ...]:
        """Return the frontal faces of the whole still, or of what is about a region."""
        asked = ("faces", self._key(), region)
        known = _recalled(asked)
        if isinstance(known, tuple):
            return known
        picture = self._picture
        boxes = _in_pixels(find_faces(picture), picture) if region is None else _about(picture, region)
        _remember(asked, boxes)
        return boxes

    def _features(self, box: PixelBox) -> FaceFeatures:
        asked = ("features", self._key(), box)
        known = _recalled(asked)
        if isinstance(known, FaceFeatures):
            return known
        features = agreed_features(self._picture, box)
        _remember(asked, features)
        return features

    def _key(self) -> bytes:
        if self._digest is None:
            digest = hashlib.sha256(repr(self._picture.shape).encode())
            digest.update(np.ascontiguousarray(self._picture).data)
            self._digest = digest.digest()
        return self._digest


def agreed_features(picture_bgr: Picture, box: PixelBox) -> FaceFeatures:
    """Return the features, in shares of `box`, that most crops about the frontal face in `box` agree on."""
    found = []
    for scale, right, down in CROPS:
        width, height = scale * box.width, scale * box.height
        crop = PixelBox(
            x=box.x + (box.width - width) / 2 + right * box.width,
            y=box.y + (box.height - height) / 2 + down * box.height,
            width=width,
            height=height,
        )
        found.append(_Seen.of(find_features(picture_bgr, crop), crop, box))
    eyes = [one for one in found if one.eyes_found]
    sure = len(eyes) >= FEWEST_EYES
    middle = np.median([one.eyes for one in eyes], axis=0) if sure else _AVERAGE_EYES
    left, right_eye = ((float(eye[0]), float(eye[1])) for eye in middle)
    mouth = _commonest([one.mouth for one in found if one.mouth_found])
    return traced_features(picture_bgr, box, (left, right_eye), mouth, eyes_found=sure)


_AVERAGE_EYES = np.array([AVERAGE_FEATURES.left_eye, AVERAGE_FEATURES.right_eye])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """What one crop shows, in shares of the face's box: eyes [2, 2] and mouth [2]."""

    eyes: NDArray[np.float64]
    mouth: NDArray[np.float64]
    eyes_found: bool
    mouth_found: bool

    @classmethod
    def of(cls, features: FaceFeatures, crop: PixelBox, box: PixelBox) -> "_Seen":
        size = np.array([crop.width / box.width, crop.height / box.height])
        start = np.array([(crop.x - box.x) / box.width, (crop.y - box.y) / box.height])
        return cls(
            eyes=start + size * np.array([features.left_eye, features.right_eye]),
            mouth=start + size * np.array(features.mouth),
            eyes_found=features.eyes_found,
            mouth_found=features.mouth_found,
        )


def _commonest(mouths: list[NDArray[np.float64]]) -> tuple[float, float] | None:
    """Return the mean of the largest group of mouths at one height, the earlier of equals; None of none."""
    if not mouths:
        return None
    places = np.stack(mouths)
    alike = np.abs(places[:, None, 1] - places[None, :, 1]) < SAME_MOUTH
    chosen = np.median(places[alike[int(alike.sum(axis=1).argmax())]], axis=0)
    return float(chosen[0]), float(chosen[1])


def _about(picture_bgr: Picture, region: PixelBox) -> tuple[PixelBox, ...]:
    """Return the frontal faces about a region that is too small for a search of the whole still."""
    height, width = picture_bgr.shape[:2]
    margin = SURROUNDINGS * max(region.width, region.height)
    left, top = max(0, int(region.x - margin)), max(0, int(region.y - margin))
    right = min(width, int(region.x + region.width + margin))
    bottom = min(height, int(region.y + region.height + margin))
    if right <= left or bottom <= top:
        return ()
    part = picture_bgr[top:bottom, left:right]
    boxes = _in_pixels(find_faces(part, SMALL_FACE_SIDE_PX), part)
    return tuple(PixelBox(x=left + box.x, y=top + box.y, width=box.width, height=box.height) for box in boxes)


def _in_pixels(faces: tuple[FaceBox, ...], picture_bgr: Picture) -> tuple[PixelBox, ...]:
    height, width = picture_bgr.shape[:2]
    return tuple(
        PixelBox(x=face.x * width, y=face.y * height, width=face.width * width, height=face.height * height)
        for face in faces
        if face.view == "frontal"
    )


def _meant(boxes: tuple[PixelBox, ...], region: PixelBox) -> PixelBox | None:
    """Return the box in the middle of the region and about its size that is nearest to its middle."""

    def off(box: PixelBox) -> float:
        across = (box.x + box.width / 2 - region.x - region.width / 2) / region.width
        along = (box.y + box.height / 2 - region.y - region.height / 2) / region.height
        return max(abs(across), abs(along))

    side = float(np.sqrt(region.width * region.height))
    alike = [
        box
        for box in boxes
        if off(box) < FARTHEST_CENTRE and LEAST_SHARE * side < box.width < LARGEST_SHARE * side
    ]
    return min(alike, key=off, default=None)


def _recalled(asked: _Asked) -> tuple[PixelBox, ...] | FaceFeatures | None:
    with _memory_lock:
        if asked in _memory:
            _memory.move_to_end(asked)
        return _memory.get(asked)


def _remember(asked: _Asked, found: tuple[PixelBox, ...] | FaceFeatures) -> None:
    with _memory_lock:
        _memory[asked] = found
        while len(_memory) > REMEMBERED:
            _memory.popitem(last=False)
