"""Small movements of a living person where nothing drives: blinks and sway, from a seed."""

import hashlib
import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIRST_BLINK_S = (0.8, 3.0)
BLINK_GAP_S = (3.0, 6.0)
BLINK_LENGTH_S = (0.15, 0.25)
CLOSING_SHARE = 0.4
SWAY_HERTZ = (0.09, 0.34)
SWAY_REACH = np.array([0.014, 0.004, 0.0075, 0.0045], np.float32)
SWAY_WAVES = 3
SETTLE_S = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blink:
    start_s: float
    length_s: float


class IdleMotion:
    """Blinks and sway of one character; the same seed and character always move alike."""

    def __init__(self, seed: int, character_id: str, length_s: float) -> None:
        digest = hashlib.sha256(f"{seed}:{character_id}".encode()).digest()
        chance = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
        self._phases = chance.uniform(0.0, 2 * math.pi, (SWAY_WAVES, 4))
        self._hertz = chance.uniform(*SWAY_HERTZ, (SWAY_WAVES, 4))
        self._blinks = _blinks(chance, length_s)
        self._starts = [blink.start_s for blink in self._blinks]

    def blink(self, time_s: float) -> float:
        """Return how far the lids are closed, from 0 to 1."""
        number = bisect_right(self._starts, time_s) - 1
        if number < 0:
            return 0.0
        blink = self._blinks[number]
        share = (time_s - blink.start_s) / blink.length_s
        if share >= 1.0:
            return 0.0
        part = share / CLOSING_SHARE if share < CLOSING_SHARE else (1 - share) / (1 - CLOSING_SHARE)
        return float(math.sin(0.5 * math.pi * part) ** 1.5)

    def sway(self, time_s: float) -> NDArray[np.float32]:
        """Return head numbers [4] (see `MotionSample`); they grow from rest at the scene's start."""
        waves = np.sin(2 * math.pi * self._hertz * time_s + self._phases).mean(axis=0)
        settle = min(max(time_s / SETTLE_S, 0.0), 1.0)
        return np.asarray(SWAY_REACH * waves * (settle * settle * (3 - 2 * settle)), np.float32)


def _blinks(chance: np.random.Generator, length_s: float) -> list[_Blink]:
    blinks: list[_Blink] = []
    start_s = chance.uniform(*FIRST_BLINK_S)
    while start_s < length_s + BLINK_GAP_S[1]:
        blinks.append(_Blink(start_s=start_s, length_s=chance.uniform(*BLINK_LENGTH_S)))
        start_s += chance.uniform(*BLINK_GAP_S)
    return blinks
