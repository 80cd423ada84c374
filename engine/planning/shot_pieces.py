"""Shots longer than one pass of the transformer, cut into pieces or windows of one timeline of latent frames.

Continuation (the default): a piece begins with the last frames of the piece before it, which are encoded,
given as known, and put back re-noised in every step. Context windows (an option): the whole shot is denoised
at once, from windows that overlap and move from step to step.
"""

import random
from dataclasses import dataclass
from itertools import pairwise

from engine.planning.latent_grid import FRAMES_PER_LATENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Latent frames `start` to `end` (exclusive) of the shot, the first `known` of them known already."""

    start: int
    end: int
    known: int

    @property
    def frame_count(self) -> int:
        """The piece's video frames: 4k+1."""
        return FRAMES_PER_LATENT * (self.end - self.start - 1) + 1

    @property
    def known_frames(self) -> int:
        """How many of them are known."""
        return FRAMES_PER_LATENT * (self.known - 1) + 1 if self.known else 0

    @property
    def first_frame(self) -> int:
        """The shot's video frame the piece begins with."""
        return FRAMES_PER_LATENT * self.start


def continuation_pieces(latent_frames: int, *, most: int, overlap: int) -> tuple[Piece, ...]:
    """Return pieces of nearly equal length, at most `most` latent frames, that share `overlap` of them.

    Equal ones: the weights are at home at one length, a short rest at the end would look different.
    """
    if latent_frames <= most:
        return (Piece(start=0, end=latent_frames, known=0),)
    fresh = most - overlap
    count = -(-(latent_frames - overlap) // fresh)
    edges = [overlap + round(number * (latent_frames - overlap) / count) for number in range(count + 1)]
    first = Piece(start=0, end=edges[1], known=0)
    rest = [Piece(start=left - overlap, end=right, known=overlap) for left, right in pairwise(edges[1:])]
    return (first, *rest)


def context_windows(
    latent_frames: int, *, length: int, overlap: int, offset: int = 0
) -> tuple[tuple[int, int], ...]:
    """Return windows (start, end) of `length` latent frames over the shot, each `overlap` into the next.

    `offset` moves the windows between the first and the last one; the last is aligned to the shot's end.
    """
    if latent_frames <= length:
        return ((0, latent_frames),)
    stride = length - overlap
    last = latent_frames - length
    starts = {0, last, *range(offset % stride, last, stride)}
    return tuple((start, start + length) for start in sorted(starts))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """The windows of each step: `seed` decides how far they are moved."""

    latent_frames: int
    length: int
    overlap: int
    seed: int

    def windows(self, step: int) -> tuple[tuple[int, int], ...]:
        """Return the windows of a step."""
        stride = max(1, self.length - self.overlap)
        offset = random.Random(f"{self.seed} {step}").randrange(stride)
        return context_windows(self.latent_frames, length=self.length, overlap=self.overlap, offset=offset)
