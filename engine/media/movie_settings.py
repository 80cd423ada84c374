"""What a movie is to be: its format, size, rate, sound and timecode."""

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.protocol.errors import UserError

_TIMECODE = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;])(\d\d+)")


class MovieFormat(StrEnum):
    """The formats that can be written, by the names the command line uses."""

    H264 = "h264"
    PRORES_422_HQ = "prores422hq"
    PRORES_4444 = "prores4444"
    PNG = "png"
    EXR = "exr"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MovieSettings:
    """A movie's properties; `sound` is float32 [count, 2] or None."""

    format: MovieFormat
    width: int
    height: int
    frame_rate: Fraction
    sound: npt.NDArray[np.float32] | None
    sample_rate: int
    timecode: str | None


def require_writable_form(path: Path, settings: MovieSettings) -> None:
    """Raise UserError (BAD_INPUT) where the format cannot hold the size, or the timecode is none."""
    halved = {MovieFormat.H264: (2, 2), MovieFormat.PRORES_422_HQ: (2, 1)}.get(settings.format, (1, 1))
    if settings.width % halved[0] or settings.height % halved[1] or min(settings.width, settings.height) < 1:
        raise UserError(
            f"{path.name} cannot be {settings.width} × {settings.height} pixels: "
            f"{settings.format.value} needs even sizes.",
            next_step="Choose an even width and height, or write ProRes 4444, PNG or EXR.",
        )
    if settings.timecode is not None and not is_timecode(settings.timecode, settings.frame_rate):
        raise UserError(
            f"{settings.timecode} is not a timecode at {float(settings.frame_rate):.5g} frames a second.",
            next_step="Write it as HH:MM:SS:FF, such as 01:00:00:00.",
        )


def is_timecode(timecode: str, frame_rate: Fraction) -> bool:
    """Return whether a text is a timecode at a rate: HH:MM:SS:FF, a semicolon for drop frame (29.97 and
    59.94).
    """
    match = _TIMECODE.fullmatch(timecode)
    if match is None or int(match[1]) > 23 or int(match[5]) >= round(frame_rate):
        return False
    is_drop_frame = match[4] == ";"
    can_drop = frame_rate in {Fraction(30_000, 1001), Fraction(60_000, 1001)}
    is_dropped = int(match[5]) < round(frame_rate) // 15 and match[3] == "00" and int(match[2]) % 10 != 0
    return not is_drop_frame or (can_drop and not is_dropped)
