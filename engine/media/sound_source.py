"""A file's sound as decoded: stereo blocks at the file's own rate, each at its place to the sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from engine.media.container import audio_stream, damaged, open_media, video_stream
from engine.media.frame_decoder import decoded_frames
from engine.protocol.errors import ErrorCode, UserError

Samples = npt.NDArray[np.float32]

# Recorders stamp sound with some jitter: a block is moved only when it is this far from where it belongs.
_JITTER_S = Fraction(1, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundLayout:
    """Where a file's sound lies.

    `start_s` is when its first sample sounds, counted from the first picture (0 without moving pictures),
    `first_stamp_s` that sample's time in the file; `can_seek` says whether seeking in it is exact.
    """

    sample_rate: int
    start_s: Fraction
    first_stamp_s: Fraction
    can_seek: bool


def sound_layout(path: Path) -> SoundLayout:
    """Find a file's sound and how it lies beside its pictures.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE, FORMAT_UNSUPPORTED (not media, or without sound).
    """
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise UserError(
                f"{path.name} has no sound.",
                next_step="Choose a file with sound.",
                code=ErrorCode.FORMAT_UNSUPPORTED,
            )
        first = next(_decoded(container, stream), None)
        if first is None:
            raise damaged(path)
        stamp_s = _stamp_s(first) or Fraction(0)
        can_seek = stream.codec_context.name.startswith("pcm_") and first.pts is not None
        sample_rate = first.sample_rate
    pictures_s = _first_picture_s(path)
    start_s = Fraction(0) if pictures_s is None else stamp_s - pictures_s
    return SoundLayout(sample_rate=sample_rate, start_s=start_s, first_stamp_s=stamp_s, can_seek=can_seek)


def sound_blocks(path: Path, layout: SoundLayout, first_sample: int = 0) -> Iterator[tuple[int, Samples]]:
    """Yield (place, samples) in rising places: float32 [count, 2], places in samples from the file's first
    one.

    Blocks before `first_sample` may be left out. What cannot be decoded is missing; so are gaps in the file.
    One channel sounds on both sides. More than two are mixed down with the centre at full level (ITU-R
    BS.775), which may exceed 1.
    """
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise damaged(path)
        if layout.can_seek and first_sample > 2 * layout.sample_rate:
            _seek(container, stream, layout, first_sample - layout.sample_rate)
        expected = 0
        stereo = _Stereo(layout.sample_rate)
        places = _Places(layout, stream.time_base or Fraction(1, layout.sample_rate))
        for frame in _decoded(container, stream):
            place = places.place(frame.pts, expected)
            samples = stereo.convert(frame)
            overlap = max(0, expected - place)
            if len(samples) > overlap:
                yield place + overlap, samples[overlap:]
                expected = place + len(samples)


def _seek(container: InputContainer, stream: AudioStream, layout: SoundLayout, sample: int) -> None:
    """Go to a sample or before it."""
    stamp_s = layout.first_stamp_s + Fraction(sample, layout.sample_rate)
    container.seek(int(stamp_s / (stream.time_base or Fraction(1))), stream=stream, backward=True)


class _Places:
    """Tells blocks' places from their stamps, in whole numbers, for there are thousands in a minute."""

    def __init__(self, layout: SoundLayout, time_base: Fraction) -> None:
        self._samples_a_tick = time_base * layout.sample_rate
        self._first = layout.first_stamp_s * layout.sample_rate
        self._jitter = max(_JITTER_S * layout.sample_rate, 2 * self._samples_a_tick)

    def place(self, stamp: int | None, expected: int) -> int:
        """Return the place that a stamp names, or the expected one where the difference is jitter."""
        if stamp is None:
            return expected
        tick, first = self._samples_a_tick, self._first
        numerator = stamp * tick.numerator * first.denominator - first.numerator * tick.denominator
        denominator = tick.denominator * first.denominator
        place = (2 * numerator + denominator) // (2 * denominator)
        return expected if abs(place - expected) <= self._jitter else place


def _stamp_s(frame: AudioFrame) -> Fraction | None:
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from (frame for frame in packet.decode() if frame.samples)
        except av.error.FFmpegError:
            continue


def _first_picture_s(path: Path) -> Fraction | None:
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None or stream.time_base is None:
            return None
        first = next((frame for frame in decoded_frames(container, stream) if not frame.is_corrupt), None)
        return None if first is None or first.pts is None else first.pts * stream.time_base


class _Stereo:
    """Turns decoded blocks of any format into float32 stereo at one rate, block by block."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._form: tuple[str, str, int] | None = None
        self._resampler = av.AudioResampler(format="fltp")

    def convert(self, frame: AudioFrame) -> Samples:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            self._form = form
            layout = "stereo" if frame.layout.nb_channels > 2 else frame.layout.name
            self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=self._sample_rate)
        frame.pts = None
        pieces = [piece.to_ndarray() for piece in self._resampler.resample(frame)]
        channels = np.concatenate(pieces, axis=1) if pieces else np.zeros((2, 0), np.float32)
        sides = channels if len(channels) == 2 else np.repeat(channels[:1], 2, axis=0)
        return np.ascontiguousarray(sides.T, dtype=np.float32)
