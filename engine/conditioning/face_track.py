"""One person's face through all frames of a part of a clip: no frame is dropped, gaps are known.

Shapes: T frames, 5 alignment points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.face_alignment import alignment_matrix
from engine.conditioning.face_finder import DriverFrames, FaceFinder, FoundFace, no_face, runs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceTrack:
    """`found_T`: whether the face was found; `points_T52`: alignment points in pixels, NaN where it was not;
    `boxes_T4`: left, top, right, bottom in shares of the frame, interpolated where it was not.
    """

    found_T: NDArray[np.bool_]
    points_T52: NDArray[np.float64]
    boxes_T4: NDArray[np.float64]

    @property
    def gaps(self) -> tuple[range, ...]:
        """The runs of frames in which the face was not found."""
        return runs(~self.found_T)


def face_track(
    frames: DriverFrames, face_index: int, finder: FaceFinder, on_progress: Callable[[float], None]
) -> FaceTrack:
    """Follow face number `face_index` from the left through `frames`. `on_progress` takes a share of
    1.

    Raises UserError: NO_FACE, and what reading the file raises.
    """
    faces = [_usable(face) for face in finder.find(frames, face_index, on_progress)]
    found_T = np.array([face is not None for face in faces])
    if not found_T.any():
        raise no_face(frames.path, face_index, 0)
    points_T52 = np.full((len(faces), 5, 2), np.nan)
    points_T52[found_T] = [face.points for face in faces if face is not None]
    size = np.array([frames.reader.width, frames.reader.height] * 2, np.float64)
    boxes = np.stack([face.box for face in faces if face is not None]) / size
    return FaceTrack(found_T=found_T, points_T52=points_T52, boxes_T4=filled(boxes, found_T))


def filled(values: NDArray[np.float64], found_T: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return values [T, ...] for all frames from those [n, ...] of the frames found, at least one: in between
    on a straight line, held at both ends.
    """
    known = np.flatnonzero(found_T)
    frames = np.arange(len(found_T))
    columns = [np.interp(frames, known, column) for column in values.reshape(len(known), -1).T]
    return np.stack(columns, axis=1).reshape(len(found_T), *values.shape[1:])


def _usable(face: FoundFace | None) -> FoundFace | None:
    """Return the face unless it cannot be aligned."""
    if face is None or alignment_matrix(face.points) is None or not np.isfinite(face.box).all():
        return None
    return face
