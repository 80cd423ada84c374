"""Sound of any file as stereo samples at one rate, aligned to the sample with the file's pictures."""

from fractions import Fraction
from math import gcd
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from engine.media.sound_source import SoundLayout, sound_blocks, sound_layout

Samples = npt.NDArray[np.float32]

# The resampling filter looks at fewer neighbours than this on each side.
_MARGIN_S = Fraction(1, 20)


def read_audio(
    path: Path,
    *,
    sample_rate: int = 48_000,
    start_s: Fraction = Fraction(0),
    end_s: Fraction | None = None,
) -> Samples:
    """Return the sound between two times as float32 [round((end_s - start_s) * sample_rate), 2] in -1 to 1.

    Time 0 is the first picture of a movie, and the first sample of a file without moving pictures. Silence
    stands where there is no sound; without `end_s` the sound's own end is taken. What encoders put before the
    sound is left out where the file tells of it. Samples lie within half a sample of where they belong.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE, FORMAT_UNSUPPORTED (not media, or without sound).
    """
    layout = sound_layout(path)
    delay = round(layout.start_s * sample_rate)
    first = round(start_s * sample_rate) - delay
    count = None if end_s is None else max(0, round((end_s - start_s) * sample_rate))
    if count is None:
        return _fitted(_resampled(path, layout, sample_rate, (first, None)), first, None)
    return _fitted(_resampled(path, layout, sample_rate, (first, first + count)), first, count)


def _resampled(
    path: Path, layout: SoundLayout, sample_rate: int, wanted: tuple[int, int | None]
) -> tuple[int, Samples]:
    """Return (place, samples) at `sample_rate` that cover the wanted places as far as there is sound."""
    common = gcd(layout.sample_rate, sample_rate)
    source_step, step = layout.sample_rate // common, sample_rate // common
    margin_steps = int(_MARGIN_S * common) + 1
    first_step = max(0, wanted[0] // step - margin_steps)
    source_first = first_step * source_step
    source_end = None if wanted[1] is None else (wanted[1] // step + 1 + margin_steps) * source_step
    source = _window(path, layout, source_first, source_end)
    if layout.sample_rate != sample_rate:
        source = resample(source, layout.sample_rate, sample_rate)
    return first_step * step, source


def _window(path: Path, layout: SoundLayout, first: int, end: int | None) -> Samples:
    """Return the source's samples from `first` to `end` or to the end of the sound, gaps as silence."""
    blocks: list[tuple[int, Samples]] = []
    for place, samples in sound_blocks(path, layout, first):
        if end is not None and place >= end:
            break
        if place + len(samples) > first:
            blocks.append((place - first, samples))
    length = max((place + len(samples) for place, samples in blocks), default=0)
    window = np.zeros((length, 2), np.float32)
    for place, samples in blocks:
        window[max(0, place) : place + len(samples)] = samples[max(0, -place) :]
    return window if end is None else window[: end - first]


def resample(samples: Samples, source_rate: int, sample_rate: int) -> Samples:
    """Return float32 [count, 2] samples at another rate; the first sample stays where it is."""
    if not len(samples):
        return samples
    resampler = av.AudioResampler(
        format="fltp", layout="stereo", rate=sample_rate, options={"filter_size": "64", "cutoff": "0.98"}
    )
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
    frame.sample_rate = source_rate
    pieces = [piece.to_ndarray() for piece in (*resampler.resample(frame), *resampler.resample(None))]
    return np.ascontiguousarray(np.concatenate(pieces, axis=1).T, dtype=np.float32)


def _fitted(placed: tuple[int, Samples], first: int, count: int | None) -> Samples:
    """Return exactly `count` samples from place `first` on, silence around what there is."""
    place, samples = placed
    if count is None:
        count = max(0, place + len(samples) - first)
    fitted = np.zeros((count, 2), np.float32)
    begin, end = max(first, place), min(first + count, place + len(samples))
    if begin < end:
        fitted[begin - first : end - first] = samples[begin - place : end - place]
    return fitted
