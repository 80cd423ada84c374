"""Colour held to the plate: a shot in pieces drifts, since each piece starts from the pictures of the last.

The pictures a piece starts from are brought towards the plate's colours; what that changes is given back to
the first pictures behind and faded out, so that no jump shows. Levels are compared channel by channel by mean
and deviation, which a head that moves changes little.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

MOST_GAIN = 1.08
MOST_OFFSET_LEVELS = 6.0
FADE_PICTURES = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColourShift:
    """level' = level * gain + offset, for each channel (B, G, R), float64."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]

    def applied(self, picture: Picture, amount: float = 1.0) -> Picture:
        """Return a picture [H, W, 3] shifted by a share of the whole shift; 0 changes nothing."""
        gain, offset = 1.0 + amount * (self.gain - 1.0), amount * self.offset
        return np.clip(np.rint(picture * gain + offset), 0, 255).astype(np.uint8)

    def inverse(self) -> "ColourShift":
        """Return the shift back."""
        return ColourShift(gain=1.0 / self.gain, offset=-self.offset / self.gain)


def shift_towards(pictures_THWC: Picture, plate_HWC: Picture) -> ColourShift:
    """Return how to bring pictures [T, H, W, 3] to the colours of the plate [H, W, 3], within bounds.

    The bounds (MOST_GAIN, MOST_OFFSET_LEVELS) leave alone what is light and movement in the shot rather than
    drift.
    """
    mean, deviation = _levels(pictures_THWC.reshape(-1, 3))
    wanted_mean, wanted_deviation = _levels(plate_HWC.reshape(-1, 3))
    gain = np.clip(wanted_deviation / np.maximum(deviation, 1.0), 1.0 / MOST_GAIN, MOST_GAIN)
    moved = np.clip(wanted_mean - mean, -MOST_OFFSET_LEVELS, MOST_OFFSET_LEVELS)
    return ColourShift(gain=gain, offset=mean + moved - mean * gain)


def faded_in(pictures: Iterable[Picture], shift: ColourShift) -> Iterator[Picture]:
    """Yield pictures whose colours were shifted before, so that they follow on from those that were not.

    The first comes shifted back wholly, the FADE_PICTURES-th as it is.
    """
    back = shift.inverse()
    for number, picture in enumerate(pictures):
        amount = max(0.0, 1.0 - number / FADE_PICTURES)
        yield back.applied(picture, amount) if amount else picture


def _levels(rows_PC: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return rows_PC.mean(axis=0, dtype=np.float64), rows_PC.std(axis=0, dtype=np.float64)
