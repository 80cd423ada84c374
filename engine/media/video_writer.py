"""Writing movies and image sequences for people and editing tools."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.media.atomic import atomic_directory, atomic_path
from engine.media.image_sequence import SequenceWriter
from engine.media.movie_file import MovieFile
from engine.media.movie_settings import MovieFormat, MovieSettings, require_writable_form
from engine.media.write_errors import writing

__all__ = ["MovieFormat", "MovieWriter", "open_movie_writer"]

Picture = npt.NDArray[np.uint8]


class MovieWriter(Protocol):
    """Takes the pictures of a movie in their order."""

    def write(self, picture: Picture) -> None:
        """Write the next picture: uint8 [height, width, 3] blue green red, or 4 with straight alpha."""


@contextmanager
def open_movie_writer(  # noqa: PLR0913 - each is a property of the movie, always given by name
    path: Path,
    *,
    format: MovieFormat,  # noqa: A002 - what callers and the command line call it
    width: int,
    height: int,
    frame_rate: Fraction,
    sound: npt.NDArray[np.float32] | None = None,
    sample_rate: int = 48_000,
    timecode: str | None = None,
) -> Iterator[MovieWriter]:
    """Open a movie, or for PNG and EXR a new folder `path` of pictures `path.name.000000.png`, for writing.

    It appears under its name when the block ends well, whole; after an exception or a kill there is nothing.
    All movies are tagged and converted as BT.709, limited range. `sound` is float32 [count, 2]: AAC beside
    H.264, 24-bit PCM beside ProRes, a WAV file in the folder of a sequence; it is cut where the pictures end.
    `timecode` (HH:MM:SS:FF, a semicolon before the frames for drop frame) is the first frame's.

    Formats without transparency show a transparent picture over black. EXR holds half-float linear light with
    premultiplied alpha, converted from sRGB; the others hold the display values as they are.

    Raises UserError: BAD_INPUT (an odd size where colours are halved, a timecode that is none), DISK_FULL,
    NOT_WRITABLE, FILE_MISSING (the folder), FILE_EXISTS (a folder with files in it).
    """
    settings = MovieSettings(
        format=format,
        width=width,
        height=height,
        frame_rate=frame_rate,
        sound=sound,
        sample_rate=sample_rate,
        timecode=timecode,
    )
    require_writable_form(path, settings)
    if format in {MovieFormat.PNG, MovieFormat.EXR}:
        with atomic_directory(path) as folder, writing(path):
            sequence = SequenceWriter(folder, path.name, settings)
            yield sequence
            sequence.finish()
        return
    with atomic_path(path) as temporary:
        movie = MovieFile(temporary, path.suffix.lower(), settings)
        try:
            yield movie
            movie.finish()
        finally:
            movie.close()
