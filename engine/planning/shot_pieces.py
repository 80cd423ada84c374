"""Shots longer than one pass of the transformer, cut into pieces or windows of one timeline of latent frames.

Continuation (the default): a piece begins with the last frames of the piece before it, which are encoded,
given as known, and put back re-noised in every step. Context windows (an option): the whole shot is denoised
at once, from windows that overlap and move from step to step.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.planning.latent_grid import FRAMES_PER_LATENT, latent_frame_count
from engine.protocol.diffusion_settings import DiffusionSettings, LongShotMode


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
    edges = _even_edges(overlap, latent_frames, most - overlap)
    return (Piece(start=0, end=edges[1], known=0), *_continued(edges[1:], overlap))


def pieces_going_on(
    done: Sequence[Piece], latent_frames: int, *, most: int, overlap: int
) -> tuple[Piece, ...]:
    """Return the pieces of a shot some of which are done: those as they are, the rest with at most `most`
    latent frames, whatever they were to have before.

    The overlap is shortened where it would leave a piece nothing new, or where the last piece that is done
    has fewer frames to begin with. Raises ValueError where no piece could go on: below two latent frames.
    """
    if most < 2:
        raise ValueError(f"a piece of {most} latent frames holds none that is known and one that is new")
    if not done:
        return continuation_pieces(latent_frames, most=most, overlap=min(overlap, most - 1))
    last = done[-1]
    if last.end >= latent_frames:
        return tuple(done)
    overlap = min(overlap, most - 1, last.end - last.start)
    return (*done, *_continued(_even_edges(last.end, latent_frames, most - overlap), overlap))


def _even_edges(begin: int, end: int, most: int) -> list[int]:
    """Return the edges of the fewest stretches between two latent frames, nearly equal, at most `most`."""
    count = -(-(end - begin) // most)
    return [begin + round(number * (end - begin) / count) for number in range(count + 1)]


def _continued(edges: Sequence[int], overlap: int) -> tuple[Piece, ...]:
    """Return a piece for each stretch between edges, which begins with what lies before it."""
    return tuple(Piece(start=left - overlap, end=right, known=overlap) for left, right in pairwise(edges))


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

    @property
    def frame_count(self) -> int:
        """A window's video frames: 4k+1."""
        return FRAMES_PER_LATENT * (self.length - 1) + 1

    def windows(self, step: int) -> tuple[tuple[int, int], ...]:
        """Return the windows of a step."""
        stride = max(1, self.length - self.overlap)
        offset = random.Random(f"{self.seed} {step}").randrange(stride)
        return context_windows(self.latent_frames, length=self.length, overlap=self.overlap, offset=offset)


def shot_pieces(settings: DiffusionSettings, latent_frames: int) -> tuple[Piece, ...]:
    """Return the passes of a shot one after another; a shot in context windows is a single one."""
    if settings.long_shot is LongShotMode.CONTEXT_WINDOWS:
        return (Piece(start=0, end=latent_frames, known=0),)
    return continuation_pieces(
        latent_frames,
        most=latent_frame_count(settings.segment_frames),
        overlap=latent_frame_count(settings.overlap_frames),
    )


def shot_windows(settings: DiffusionSettings, latent_frames: int, *, seed: int) -> WindowPlan | None:
    """Return the windows of a shot that is longer than one pass and made in context windows; else None."""
    length = latent_frame_count(settings.segment_frames)
    if settings.long_shot is not LongShotMode.CONTEXT_WINDOWS or latent_frames <= length:
        return None
    overlap = settings.overlap_frames // FRAMES_PER_LATENT
    return WindowPlan(latent_frames=latent_frames, length=length, overlap=overlap, seed=seed)
