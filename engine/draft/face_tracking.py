"""Following one face through a clip: where it is in every frame relative to the neutral frame.

Each frame is registered to the neutral frame itself (pyramidal Lucas-Kanade on corners of the steady parts,
a RANSAC similarity), starting from the frame before, so errors do not add up however long the clip is.
Where that fails the frame before is the reference, and a detector near the last place finds the face again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import CROP_PX, crop_matrix, cut_face, face_ellipse, steady_mask
from engine.draft.face_detection import FaceBox, load_cascade
from engine.draft.face_features import PixelBox
from engine.draft.face_frame import BOX_SHARE, BOX_START, Pose, apply, compose
from engine.media.opencv import cv2

CORNERS = 140
FEWEST_INLIERS = 14
INLIER_SHARE = 0.3
LIKENESS_TO_KEEP = 0.35
LIKENESS_TO_LAST = 0.7
LONGEST_BLIND_RUN = 40
NEARBY_FACE_PX = 72
CLOSE_START_PX = 2.0
Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFace:
    """A frame's face: its pose, its crop (BGR and grey, [CROP_PX, CROP_PX]), and how like the neutral face
    it is.
    """

    pose: Pose
    crop_bgr: NDArray[np.uint8]
    crop_grey: NDArray[np.uint8]
    likeness: float


def pixel_box(face: FaceBox, picture: NDArray[np.uint8]) -> PixelBox:
    """Return a normalised face box in pixels of `picture`."""
    height, width = picture.shape[:2]
    return PixelBox(
        x=face.x * width, y=face.y * height, width=face.width * width, height=face.height * height
    )


def find_nearby(picture_bgr: NDArray[np.uint8], box: PixelBox) -> PixelBox | None:
    """Return the frontal face closest to `box` within its surroundings, or None. Much faster than a whole
    search.
    """
    height, width = picture_bgr.shape[:2]
    margin = 0.6 * box.width
    left, top = max(0, int(box.x - margin)), max(0, int(box.y - margin))
    right, bottom = (
        min(width, int(box.x + box.width + margin)),
        min(height, int(box.y + box.height + margin)),
    )
    if right - left < 24 or bottom - top < 24:
        return None
    scale = NEARBY_FACE_PX / box.width
    size = (max(8, round((right - left) * scale)), max(8, round((bottom - top) * scale)))
    grey = cv2.cvtColor(picture_bgr[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    grey = cv2.equalizeHist(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    found = load_cascade("frontalface_alt2").detectMultiScale(
        grey, scaleFactor=1.08, minNeighbors=3, minSize=(42, 42), maxSize=(120, 120)
    )
    boxes = [
        PixelBox(x=left + x / scale, y=top + y / scale, width=side / scale, height=side / scale)
        for x, y, side, _ in ((float(a), float(b), float(c), d) for a, b, c, d in found)
    ]
    near = [other for other in boxes if _distance(other, box) < 0.6 * box.width]
    return min(near, key=lambda other: _distance(other, box), default=None)


def _distance(a: PixelBox, b: PixelBox) -> float:
    return float(np.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2))


class FaceTracker:
    """Follows the face of a neutral frame through frames given in order."""

    def __init__(self, neutral_bgr: NDArray[np.uint8], neutral_pose: Pose) -> None:
        self._neutral_pose = neutral_pose
        self.neutral_crop = cut_face(neutral_bgr, neutral_pose)
        self.neutral_grey = np.asarray(cv2.cvtColor(self.neutral_crop, cv2.COLOR_BGR2GRAY), np.uint8)
        self._mask = steady_mask(CROP_PX)
        self._face = face_ellipse(CROP_PX)
        self._corners = self._corners_of(self.neutral_grey)
        self._last: TrackedFace | None = None
        self._blind_run = 0

    def restart(self, last: TrackedFace | None) -> None:
        """Go on from `last` (a face this tracker has found before), or from nothing."""
        self._last = last
        self._blind_run = 0

    def follow(self, frame_bgr: NDArray[np.uint8], expected: PixelBox | None = None) -> TrackedFace | None:
        """Return the face in the next frame, or None where it is lost. `expected` helps at the very start."""
        starts = [self._last.pose] if self._last is not None else [self._neutral_pose]
        if expected is not None:
            starts.append(self._pose_at(expected))
        best = self._best(frame_bgr, starts)
        if best is None:
            nearby = find_nearby(frame_bgr, self._box_of(starts[0]))
            if nearby is not None:
                best = self._best(frame_bgr, [self._pose_at(nearby)])
        if best is not None:
            self._last = best
        return best

    def _best(self, frame_bgr: NDArray[np.uint8], starts: list[Pose]) -> TrackedFace | None:
        for start in starts:
            found = self._registered(frame_bgr, start)
            if found is not None:
                return found
        return None

    def _registered(self, frame_bgr: NDArray[np.uint8], start: Pose) -> TrackedFace | None:
        """Register to the neutral face, twice when the start was far; else to the last face."""
        pose = self._similarity(self.neutral_grey, self._corners, self._neutral_pose, frame_bgr, start)
        if pose is not None:
            if _shift_px(start, pose) > CLOSE_START_PX:
                again = self._similarity(
                    self.neutral_grey, self._corners, self._neutral_pose, frame_bgr, pose
                )
                pose = again if again is not None else pose
            seen = self._seen(frame_bgr, pose)
            if seen.likeness >= LIKENESS_TO_KEEP:
                self._blind_run = 0
                return seen
        return self._carried_on(frame_bgr, start)

    def _carried_on(self, frame_bgr: NDArray[np.uint8], start: Pose) -> TrackedFace | None:
        """Register to the last face: for heads turned so far that the neutral face says nothing; not for
        long.
        """
        if self._last is None or self._blind_run >= LONGEST_BLIND_RUN:
            return None
        grey = self._last.crop_grey
        pose = self._similarity(grey, self._corners_of(grey), self._last.pose, frame_bgr, start)
        if pose is None:
            return None
        seen = self._seen(frame_bgr, pose)
        if _correlation(seen.crop_grey[self._face], grey[self._face]) < LIKENESS_TO_LAST:
            return None
        self._blind_run += 1
        return seen

    def _similarity(
        self,
        reference: NDArray[np.uint8],
        corners: Points,
        pose: Pose,
        frame_bgr: NDArray[np.uint8],
        start: Pose,
    ) -> Pose | None:
        if len(corners) < FEWEST_INLIERS:
            return None
        current = np.asarray(cv2.cvtColor(cut_face(frame_bgr, start), cv2.COLOR_BGR2GRAY), np.uint8)
        moved, kept = _followed_points(reference, current, corners)
        if int(kept.sum()) < FEWEST_INLIERS:
            return None
        before = apply(crop_matrix(pose), corners[kept].astype(np.float64))
        after = apply(crop_matrix(start), moved[kept].astype(np.float64))
        tolerance = 0.011 * float(np.hypot(pose[0, 0], pose[1, 0]))
        matrix, inliers = cv2.estimateAffinePartial2D(
            before, after, method=cv2.RANSAC, ransacReprojThreshold=tolerance, maxIters=400, refineIters=10
        )
        enough = max(FEWEST_INLIERS, INLIER_SHARE * len(corners))
        if matrix is None or int(inliers.sum()) < enough:
            return None
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        return compose(np.asarray(matrix, np.float64), pose) if 0.4 < scale < 2.5 else None

    def _seen(self, frame_bgr: NDArray[np.uint8], pose: Pose) -> TrackedFace:
        crop = cut_face(frame_bgr, pose)
        grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)
        likeness = _correlation(grey[self._face], self.neutral_grey[self._face])
        return TrackedFace(pose=pose, crop_bgr=crop, crop_grey=grey, likeness=likeness)

    def _corners_of(self, grey: NDArray[np.uint8]) -> Points:
        found = cv2.goodFeaturesToTrack(
            grey, maxCorners=CORNERS, qualityLevel=0.004, minDistance=5, mask=self._mask
        )
        return np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2).astype(np.float32)

    def _pose_at(self, box: PixelBox) -> Pose:
        """Return the neutral pose moved and scaled so that its face box lies on `box`."""
        here = self._box_of(self._neutral_pose)
        scale = box.width / here.width
        start = np.array([box.x + box.width / 2, box.y + box.height / 2])
        middle = np.array([here.x + here.width / 2, here.y + here.height / 2])
        shift = np.column_stack([np.eye(2) * scale, start - scale * middle])
        return compose(shift, self._neutral_pose)

    @staticmethod
    def _box_of(pose: Pose) -> PixelBox:
        centre = apply(pose, np.array([BOX_START + BOX_SHARE / 2] * 2))
        side = BOX_SHARE * float(np.hypot(pose[0, 0], pose[1, 0]))
        return PixelBox(x=centre[0] - side / 2, y=centre[1] - side / 2, width=side, height=side)


def _shift_px(start: Pose, pose: Pose) -> float:
    """Return how far apart two poses put the face's corners, in pixels of the crop."""
    corners = np.array([[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]])
    apart = np.abs(apply(start, corners) - apply(pose, corners)).max()
    return float(apart) / float(np.hypot(pose[0, 0], pose[1, 0])) * CROP_PX


def _followed_points(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: Points
) -> tuple[Points, NDArray[np.bool_]]:
    """Follow points forth and back; keep those that return to where they came from."""
    moved, found = _lucas_kanade(before, after, points)
    back, found_back = _lucas_kanade(after, before, moved)
    error = np.abs(back - points).max(axis=1)
    return moved, found & found_back & (error < 1.0)


def _lucas_kanade(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: Points
) -> tuple[Points, NDArray[np.bool_]]:
    start = points.reshape(-1, 1, 2)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, start, np.zeros_like(start), winSize=(21, 21), maxLevel=3
    )
    return np.asarray(moved, np.float32).reshape(-1, 2), np.asarray(found).ravel() == 1


def _correlation(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    first, second = a.astype(np.float32), b.astype(np.float32)
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0
