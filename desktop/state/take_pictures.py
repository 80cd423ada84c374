"""The frames and the sound of a finished take, read from its files."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.media.audio_reader import read_audio
from engine.media.probe import probe_media
from engine.media.video_reader import VideoReader
from engine.protocol.jobs import FileRole
from projects_db.project_store import ProjectStore
from projects_db.records import TakeRecord

SAMPLE_RATE = 48_000


class TakePictures:
    """Reads a take's frames on whatever one thread asks for them; the file is opened by the first request."""

    def __init__(self, path: Path, frame_rate: Fraction) -> None:
        self._path = path
        self._frame_rate = frame_rate
        self._reader: VideoReader | None = None

    def picture(self, frame: int) -> NDArray[np.uint8]:
        """Return a frame, BGR. Raises UserError when the file cannot be read."""
        if self._reader is None:
            self._reader = VideoReader(self._path)
        return self._reader.frame_at(frame / self._frame_rate)

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def take_movie(store: ProjectStore, take: TakeRecord) -> Path | None:
    """Return the file to look at: the viewing copy, else the master; None when the take has neither."""
    for role in (FileRole.VIEWING, FileRole.MASTER):
        for file in take.files:
            if file.role == role.value:
                return (store.folder / file.relative_path).resolve()
    return None


def take_sound(path: Path) -> NDArray[np.float32]:
    """Return a movie's sound, float32 [samples, 2] at 48 kHz; no samples where it has none."""
    if probe_media(path).audio_codec is None:
        return np.zeros((0, 2), dtype=np.float32)
    return read_audio(path, sample_rate=SAMPLE_RATE)
