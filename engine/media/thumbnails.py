"""Small pictures of stills and movies for lists and timelines."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.media.movie_file import over_black
from engine.media.opencv import cv2
from engine.media.still import read_still
from engine.media.video_reader import VideoReader

Picture = npt.NDArray[np.uint8]


def still_thumbnail(path: Path, longest_side: int) -> Picture:
    """Return a still as uint8 [height, width, 3] blue green red, its longest side at most as asked.

    What is transparent is black. Raises UserError as `read_still`.
    """
    still = read_still(path)
    picture = still.bgr if still.alpha is None else over_black(np.dstack([still.bgr, still.alpha]))
    return shrunk(picture, longest_side)


def video_thumbnails(path: Path, times_s: Iterable[Fraction], longest_side: int) -> Iterator[Picture]:
    """Yield the pictures shown at the given times, each uint8 [height, width, 3] at most `longest_side` long.

    Rising times are read straight on. Raises UserError as `VideoReader`.
    """
    with VideoReader(path) as reader:
        for picture in reader.frames(times_s):
            yield shrunk(picture, longest_side)


def shrunk(picture: Picture, longest_side: int) -> Picture:
    """Return a picture scaled down by averaging until its longest side fits; a smaller one as it is."""
    height, width = picture.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smaller = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8)
