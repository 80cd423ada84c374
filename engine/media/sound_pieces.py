"""Mixing: pieces of sound with gain and fades, laid over each other exact to the sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from engine.media.audio_segment import AudioSegment, as_samples, as_segment

Samples = npt.NDArray[np.float32]

# pydub counts in milliseconds: pieces are padded to whole seconds, which have whole milliseconds at any rate.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoundPiece:
    """A piece in a mix: float32 [count, 2] `samples` that begin at `start_sample` (it may be negative)."""

    samples: Samples
    start_sample: int = 0
    gain_db: float = 0.0
    fade_in_s: Fraction = Fraction(0)
    fade_out_s: Fraction = Fraction(0)


def mix(pieces: Sequence[SoundPiece], *, sample_count: int, sample_rate: int) -> Samples:
    """Return the pieces added up, float32 [sample_count, 2]; what lies outside is trimmed.

    Where voices add up the result may go beyond -1 to 1 (up to 24 dB): `limiter.limited` brings it back.
    """
    seconds = -(-sample_count // sample_rate)
    bed = np.zeros((seconds * sample_rate, 2), np.float32)
    for piece in pieces:
        _lay(bed, piece, sample_count, sample_rate)
    return bed[:sample_count]


def faded(piece: SoundPiece, sample_rate: int) -> Samples:
    """Return a piece's samples with its fades: straight lines of amplitude over whole samples."""
    count = len(piece.samples)
    envelope = np.ones(count, np.float32)
    fade_in = min(count, round(piece.fade_in_s * sample_rate))
    fade_out = min(count, round(piece.fade_out_s * sample_rate))
    if fade_in:
        envelope[:fade_in] *= np.arange(fade_in, dtype=np.float32) / fade_in
    if fade_out:
        envelope[count - fade_out :] *= np.arange(fade_out, 0, -1, dtype=np.float32) / fade_out
    return piece.samples * envelope[:, None]


def _lay(bed: Samples, piece: SoundPiece, sample_count: int, sample_rate: int) -> None:
    """Add a piece to the bed, on the whole seconds that it touches."""
    first, end = max(0, piece.start_sample), min(sample_count, piece.start_sample + len(piece.samples))
    if first >= end:
        return
    trimmed = as_segment(faded(piece, sample_rate), sample_rate).get_sample_slice(
        first - piece.start_sample, end - piece.start_sample
    )
    touched = slice(first // sample_rate * sample_rate, -(-end // sample_rate) * sample_rate)
    before, after = _silence(first - touched.start, sample_rate), _silence(touched.stop - end, sample_rate)
    padded = before.append(trimmed.apply_gain(piece.gain_db), crossfade=0).append(after, crossfade=0)
    bed[touched] = as_samples(as_segment(bed[touched], sample_rate).overlay(padded))


def _silence(count: int, sample_rate: int) -> AudioSegment:
    return as_segment(np.zeros((count, 2), np.float32), sample_rate)
