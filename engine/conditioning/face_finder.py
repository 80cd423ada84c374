"""What finds one person's face in every frame of a driving clip."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.media.video_reader import VideoReader
from engine.protocol.errors import ErrorCode, UserError

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundFace:
    """`points`: pupils, nose tip and mouth corners, from the left [5, 2]; `box`: left, top, right, bottom
    [4]; both in pixels of the frame.
    """

    points: NDArray[np.float64]
    box: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriverFrames:
    """The frames of a clip at rising `times`. `check` is called for each one that is read; it may raise to
    stop.
    """

    path: Path
    reader: VideoReader
    times: Sequence[Fraction]
    check: Callable[[], None]

    def pictures(self, numbers: Sequence[int] | None = None) -> Iterator[Picture]:
        """Yield the frames with these numbers, or all."""
        wanted = self.times if numbers is None else [self.times[number] for number in numbers]
        for picture in self.reader.frames(wanted):
            self.check()
            yield picture


class FaceFinder(Protocol):
    """Finds a face in every frame."""

    @property
    def name(self) -> str:
        """What the results depend on besides the clip, in a word: for cache keys."""

    def find(
        self, frames: DriverFrames, face_index: int, on_progress: Callable[[float], None]
    ) -> list[FoundFace | None]:
        """Return face number `face_index` from the left in every frame, None where it is not to be seen.

        `on_progress` takes a share from 0 to 1. Raises UserError: NO_FACE, and what reading the file raises.
        """


def no_face(path: Path, face_index: int, most_seen: int) -> UserError:
    """Return the error for a clip that never shows as many faces as are asked for."""
    if most_seen == 0:
        return UserError(
            f"In “{path.name}” no face is found in the part that drives a character.",
            next_step="Use a clip in which a face looks towards the camera, large enough and well lit.",
            code=ErrorCode.NO_FACE,
        )
    faces = "one face" if most_seen == 1 else f"{most_seen} faces"
    return UserError(
        f"“{path.name}” shows {faces}, but face {face_index + 1} from the left was asked for.",
        next_step="Choose face 1." if most_seen == 1 else f"Choose a face from 1 to {most_seen}.",
        code=ErrorCode.NO_FACE,
    )


def runs(members: NDArray[np.bool_]) -> tuple[range, ...]:
    """Return the runs of True, as ranges."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], members, [False]]).astype(np.int8)))
    return tuple(range(int(first), int(after)) for first, after in edges.reshape(-1, 2))
