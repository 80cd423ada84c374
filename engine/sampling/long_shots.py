"""Shots longer than one pass of the transformer, cut into pieces on one timeline of latent frames.

Continuation (the default): a piece begins with the last frames of the piece before it, which are encoded,
given as known, and put back re-noised in every step. Context windows (an option): the whole shot is denoised
at once, its velocity blended from windows that overlap by linear cross-fade and move from step to step.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch

from engine.networks.token_windows import FRAMES_PER_LATENT
from engine.sampling.guided_velocity import Velocity


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


def blend_weights(start: int, end: int, *, latent_frames: int, overlap: int) -> torch.Tensor:
    """Return a window's weights [end - start]: linear over the overlaps, 1 between and at the shot's ends."""
    length = end - start
    weights = torch.ones(length)
    ramp = torch.arange(1, overlap + 1, dtype=torch.float32) / (overlap + 1)
    if start > 0:
        weights[:overlap] = torch.minimum(weights[:overlap], ramp[:length])
    if end < latent_frames:
        weights[length - overlap :] = torch.minimum(weights[length - overlap :], ramp.flip(0)[-length:])
    return weights


class BlendedVelocity:
    """The velocity of a whole shot, blended from those of its windows; `velocity_of` makes one when due."""

    def __init__(self, plan: "WindowPlan", velocity_of: Callable[[int, int], Velocity]) -> None:
        self._plan = plan
        self._velocity_of = velocity_of

    def __call__(self, latents_16FHW: torch.Tensor, timestep: torch.Tensor, step: int) -> torch.Tensor:
        """Return the velocity [16, F, h, w], each latent frame a mean over the windows it lies in."""
        total = torch.zeros_like(latents_16FHW, dtype=torch.float32)
        weight_F = torch.zeros(latents_16FHW.shape[1], device=total.device)
        for start, end in self._plan.windows(step):
            weights = self._plan.weights(start, end).to(total.device)
            found = self._velocity_of(start, end)(latents_16FHW[:, start:end], timestep, step)
            total[:, start:end] += found * weights[None, :, None, None]
            weight_F[start:end] += weights
        return total / weight_F[None, :, None, None]


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

    def weights(self, start: int, end: int) -> torch.Tensor:
        """Return the weights of a window's latent frames."""
        return blend_weights(start, end, latent_frames=self.latent_frames, overlap=self.overlap)
