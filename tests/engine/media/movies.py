"""Small movies with their frame numbers drawn into the picture, and sounds made of clicks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BLOCK = 12


def numbered_picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A BGR picture whose top rows tell `number` in eight blocks, black or white, on grey."""
    picture = np.full((height, width, 3), 96, np.uint8)
    for bit in range(8):
        picture[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 if number >> bit & 1 else 0
    picture[BLOCK + number % 40 :, width // 2 :] = (40, 120, 200)
    return picture


def number_in(picture: np.ndarray) -> int:
    """Read the number back."""
    row = picture[BLOCK // 2, BLOCK // 2 : 8 * BLOCK : BLOCK, 1]
    return sum(1 << bit for bit, value in enumerate(row) if value > 128)


@dataclass(frozen=True, kw_only=True)
class Movie:
    """What to write: numbered frames at `times` (in ticks of `time_base`), and sound if given."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rate: Fraction = Fraction(24)
    count: int = 50
    times: Sequence[int] | None = None
    time_base: Fraction | None = None
    options: dict[str, str] = field(default_factory=dict)
    width: int = 96
    height: int = 64
    rotation: int = 0
    container_options: dict[str, str] = field(default_factory=dict)
    sound: np.ndarray | None = None
    sound_rate: int = 48_000
    sound_codec: str = "aac"
    sound_start: int = 0
    pictures: Callable[[int, int, int], np.ndarray] = numbered_picture


def write_movie(path: Path, movie: Movie) -> Path:
    """Write a movie with PyAV alone."""
    time_base = movie.time_base or 1 / movie.rate
    times = movie.times if movie.times is not None else range(movie.count)
    with av.open(str(path), "w", options=dict(movie.container_options)) as container:
        stream = container.add_stream(movie.codec, rate=movie.rate, options=dict(movie.options))
        stream.width, stream.height, stream.pix_fmt = movie.width, movie.height, movie.pixel_format
        stream.codec_context.time_base = time_base
        if movie.rotation:
            stream.set_display_rotation(movie.rotation)
        voice = None
        if movie.sound is not None:
            voice = container.add_stream(movie.sound_codec, rate=movie.sound_rate, layout="stereo")
        for number, pts in enumerate(times):
            picture = movie.pictures(number, movie.width, movie.height)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24" if picture.shape[2] == 3 else "bgra")
            frame.pts, frame.time_base = pts, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            mux_sound(container, voice, movie)
    return path


def mux_sound(container: av.container.OutputContainer, voice: av.AudioStream, movie: Movie) -> None:
    assert movie.sound is not None
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(movie.sound.T.astype(np.float32)), format="fltp", layout="stereo"
    )
    frame.sample_rate, frame.pts = movie.sound_rate, movie.sound_start
    frame.time_base = Fraction(1, movie.sound_rate)
    resampler = av.AudioResampler(
        format=voice.codec_context.format, layout="stereo", rate=movie.sound_rate,
        frame_size=voice.codec_context.frame_size or 1024,
    )  # fmt: skip
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(voice.encode(piece))
    container.mux(voice.encode(None))


def clicks(positions: Sequence[int], length: int) -> np.ndarray:
    """Stereo float32 with one full sample at each position."""
    sound = np.zeros((length, 2), np.float32)
    sound[list(positions)] = 0.9
    return sound
