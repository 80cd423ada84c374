"""Folders of pictures: PNG with the display values, EXR with linear light."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenEXR

from engine.media.movie_settings import MovieFormat, MovieSettings
from engine.media.opencv import cv2
from engine.media.wav import write_wav
from engine.protocol.errors import BugError

Picture = npt.NDArray[np.uint8]

_FAST_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 3)
# Red, green, blue and white of BT.709 and sRGB (CIE 1931 x and y).
_CHROMATICITIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


class SequenceWriter:
    """Writes pictures as numbered files, from 000000, into a folder; sound becomes a WAV file beside them."""

    def __init__(self, folder: Path, stem: str, settings: MovieSettings) -> None:
        self._folder = folder
        self._stem = stem
        self._settings = settings
        self._count = 0

    def write(self, picture: Picture) -> None:
        """Write the next picture: uint8 [height, width, 3 or 4]."""
        settings = self._settings
        if picture.shape[:2] != (settings.height, settings.width) or picture.dtype != np.uint8:
            raise BugError(
                f"a picture of {picture.shape} {picture.dtype} for {settings.width}x{settings.height}"
            )
        encode: Callable[[Picture], bytes] = png_bytes if settings.format is MovieFormat.PNG else exr_bytes
        name = f"{self._stem}.{self._count:06d}.{settings.format.value}"
        (self._folder / name).write_bytes(encode(picture))
        self._count += 1

    def finish(self) -> None:
        """Write the sound, cut where the pictures end."""
        if self._count == 0:
            raise BugError("a sequence needs a picture")
        settings = self._settings
        if settings.sound is not None:
            count = round(self._count / settings.frame_rate * settings.sample_rate)
            write_wav(self._folder / f"{self._stem}.wav", settings.sound[:count], settings.sample_rate)


def png_bytes(picture: Picture) -> bytes:
    """Return a picture as a PNG file with 8 bits a channel and straight alpha."""
    is_written, data = cv2.imencode(".png", picture, _FAST_PNG)
    if not is_written:
        raise BugError(f"a picture of {picture.shape} cannot be a PNG")
    return bytes(data.tobytes())


def exr_bytes(picture: Picture) -> bytes:
    """Return a picture as an OpenEXR file: half floats, linear light, premultiplied alpha as the format asks.

    The display values are taken as sRGB (IEC 61966-2-1). The file is made in memory: written by OpenEXR
    itself, a full disk would go unnoticed.
    """
    linear = _LINEAR[picture[:, :, 2::-1]]
    if picture.shape[2] == 4:
        alpha = picture[:, :, 3:].astype(np.float32) / 255
        channels = {"RGBA": np.concatenate([linear * alpha, alpha], axis=2).astype(np.float16)}
    else:
        channels = {"RGB": linear.astype(np.float16)}
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "chromaticities": _CHROMATICITIES,
    }
    memory = io.BytesIO()
    OpenEXR.File(header, channels).write(memory)
    return memory.getvalue()


def _linear_of_srgb() -> npt.NDArray[np.float32]:
    display = np.arange(256) / 255
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


_LINEAR = _linear_of_srgb()
