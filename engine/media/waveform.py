"""The outline of a sound, for drawing it on a timeline."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.media.sound_source import SoundLayout, sound_blocks, sound_layout

Peaks = npt.NDArray[np.float32]
Samples = npt.NDArray[np.float32]


def read_peaks(path: Path, *, peaks_per_s: int = 100) -> Peaks:
    """Return the lowest and the highest value of each stretch of a sound, float32 [count, 2].

    Stretch n reaches from n to n + 1 `peaks_per_s`ths of a second, counted as in `read_audio` from the first
    picture of a movie, else from the sound's beginning. Both channels count. Hours of sound need little
    memory.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE, FORMAT_UNSUPPORTED (not media, or without sound).
    """
    layout = sound_layout(path)
    lows: dict[int, float] = {}
    highs: dict[int, float] = {}
    for place, samples in _long_blocks(sound_blocks(path, layout), layout.sample_rate):
        stretches, starts = _stretches(place, len(samples), layout, peaks_per_s)
        block_lows = np.minimum.reduceat(np.minimum(samples[:, 0], samples[:, 1]), starts)
        block_highs = np.maximum.reduceat(np.maximum(samples[:, 0], samples[:, 1]), starts)
        for stretch, low, high in zip(
            stretches.tolist(), block_lows.tolist(), block_highs.tolist(), strict=True
        ):
            lows[stretch] = min(low, lows.get(stretch, low))
            highs[stretch] = max(high, highs.get(stretch, high))
    count = max(0, max(highs, default=-1) + 1)
    peaks = np.zeros((count, 2), np.float32)
    for stretch, low in lows.items():
        if stretch >= 0:
            peaks[stretch] = (low, highs[stretch])
    return peaks


def _long_blocks(blocks: Iterator[tuple[int, Samples]], length: int) -> Iterator[tuple[int, Samples]]:
    """Yield neighbouring blocks joined until they have at least `length` samples."""
    first, count = 0, 0
    held: list[Samples] = []
    for place, samples in blocks:
        if held and (place != first + count or count >= length):
            yield first, np.concatenate(held)
            held, count = [], 0
        first = first if held else place
        held.append(samples)
        count += len(samples)
    if held:
        yield first, np.concatenate(held)


def _stretches(
    place: int, count: int, layout: SoundLayout, peaks_per_s: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the numbers of the stretches that a block touches, and where in the block each begins."""
    start: Fraction = layout.start_s * layout.sample_rate
    places = (place + np.arange(count, dtype=np.int64)) * start.denominator + start.numerator
    numbers = places * peaks_per_s // (layout.sample_rate * start.denominator)
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    return numbers[starts], starts
