"""The finished frames of a job: lossless segments in its work directory, joined into the master later.

A segment appears under its name when it is whole and on the disk; the name says which frames it holds. A
render that was killed, or whose machine lost its power, goes on after the last whole segment, one that was
told to stop loses nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.media.atomic import atomic_path, sync_to_disk
from engine.media.lossless import write_segment
from engine.media.video_reader import VideoReader
from engine.media.write_errors import writing
from engine.protocol.errors import UserError
from engine.renderers.work_directory import LOCK_NAME, delete_outputs

Picture = npt.NDArray[np.uint8]

SEGMENT_FRAMES = 16
_OWNER_NAME = "fingerprint"
_NAME = re.compile(r"frames-(\d{7})-(\d{7})\.mkv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Frames `start` to `end` (exclusive) in one file."""

    path: Path
    start: int
    end: int


def noted_owner(directory: Path) -> str:
    """Return whose frames a work directory holds, empty where that is not known."""
    try:
        return (directory / _OWNER_NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


class FinishedFrames:
    """The finished frames in a work directory, from frame 0 on without a gap."""

    def __init__(self, directory: Path, *, owner: str, frame_rate: Fraction) -> None:
        """Keep what `owner` (a fingerprint) has finished here; delete what somebody else has."""
        self._directory = directory
        self._frame_rate = frame_rate
        self._claim(owner)
        self._segments = self._whole_segments()

    @property
    def count(self) -> int:
        """How many frames are finished."""
        return self._segments[-1].end if self._segments else 0

    @property
    def paths(self) -> tuple[Path, ...]:
        """The segments' files in order."""
        return tuple(segment.path for segment in self._segments)

    def add(self, pictures: Iterable[Picture]) -> None:
        """Write the pictures that follow as one more segment; at least one. It is on the disk afterwards.

        Raises UserError: DISK_FULL, NOT_WRITABLE, FILE_MISSING (the folder).
        """
        start = self.count
        unfinished = self._directory / "unfinished.mkv"
        end = start + write_segment(unfinished, pictures, self._frame_rate)
        path = self._directory / f"frames-{start:07d}-{end:07d}.mkv"
        with writing(path):
            unfinished.replace(path)
            sync_to_disk(self._directory)
        self._segments.append(Segment(path=path, start=start, end=end))

    def drop_after(self, count: int) -> None:
        """Delete the segments with frames beyond the first `count`, the last one first: those are rendered
        anew.
        """
        while self.count > count:
            self._segments[-1].path.unlink(missing_ok=True)
            self._segments.pop()
        sync_to_disk(self._directory)

    def _claim(self, owner: str) -> None:
        """Make the folder the owner's. At no moment does it hold his mark beside frames of another."""
        mark = self._directory / _OWNER_NAME
        if mark.exists() and mark.read_bytes() == owner.encode("utf-8"):
            return
        delete_outputs(self._directory)
        for path in self._directory.iterdir():
            if path.name != LOCK_NAME:
                path.unlink()
        sync_to_disk(self._directory)
        with atomic_path(mark) as path:
            path.write_text(owner, encoding="utf-8")

    def _whole_segments(self) -> list[Segment]:
        """Return the segments from frame 0 on; one that cannot be read, and all after it, are deleted."""
        segments: list[Segment] = []
        for segment in sorted(self._named_segments(), key=lambda segment: segment.start):
            reached = segments[-1].end if segments else 0
            if segment.start == reached and _is_whole(segment):
                segments.append(segment)
            else:
                segment.path.unlink()
        return segments

    def _named_segments(self) -> Iterator[Segment]:
        for path in self._directory.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                yield Segment(path=path, start=int(match[1]), end=int(match[2]))


def _is_whole(segment: Segment) -> bool:
    try:
        with VideoReader(segment.path) as reader:
            return reader.frame_count == segment.end - segment.start
    except UserError:
        return False
