"""What a piece of a long shot begins with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.sampling.colour_hold import ColourShift, faded_in, shift_towards

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PieceStart:
    """What a piece begins with: the pictures it is told, and how its colours follow on.

    `known_THWC`: the plate alone, or the last pictures of the piece before, held to the plate's colours;
    `motion`: those pictures as they are in the shot, none for the first piece; `shift`: from these to those.
    """

    known_THWC: Picture
    motion: tuple[Picture, ...]
    shift: ColourShift | None

    @classmethod
    def of(cls, motion_THWC: Picture | None, plate_HWC: Picture) -> "PieceStart":
        """Return the start of the first piece (without motion frames) or of a later one."""
        if motion_THWC is None:
            return cls(known_THWC=plate_HWC[None], motion=(), shift=None)
        shift = shift_towards(motion_THWC, plate_HWC)
        known = np.stack([shift.applied(picture) for picture in motion_THWC])
        return cls(known_THWC=known, motion=tuple(motion_THWC), shift=shift)

    @property
    def before(self) -> tuple[Picture, ...]:
        """The picture in front of the piece's first new one, if there is one."""
        return self.motion[-1:]

    def continued(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """Return new pictures in the colours of the ones before, fading to their own."""
        return pictures if self.shift is None else faded_in(pictures, self.shift)
