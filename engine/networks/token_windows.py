"""Which tokens of the timeline each latent frame attends to.

Shapes: F latent frames, L tokens of a window, K tokens on the timeline, D the adapter's width, T = 4k+1 video
frames, F = k+1. Latent frame 0 holds video frame 0, latent frame i holds the frames 4i-3 to 4i. A range is a
pair of indices into the timeline, the last one included; what it reaches outside the timeline is padding.
"""

from dataclasses import dataclass

import torch

from engine.planning.token_ranges import (
    TOKENS_PER_VIDEO_FRAME,
    VOICE_MARGIN_TOKENS,
    expression_ranges,
    voice_ranges,
)
from engine.protocol.errors import BugError

ZERO_TOKEN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWindows:
    """`indices_FL` (int64) points into the timeline, ZERO_TOKEN stands for a token of zeros.

    `lengths_F` (int64) counts the tokens that take part in the softmax; what lies behind them is padding.
    """

    indices_FL: torch.Tensor
    lengths_F: torch.Tensor

    def frames(self, start: int, end: int) -> "TokenWindows":
        """Return the windows of latent frames `start` to `end` (exclusive)."""
        return TokenWindows(indices_FL=self.indices_FL[start:end], lengths_F=self.lengths_F[start:end])


def expression_windows(frame_count: int) -> TokenWindows:
    """Return the windows into 24 tokens of each of `frame_count` = 4k+1 video frames.

    All windows are 97 long: the zero tokens behind frame 0's take part in the softmax, as in the published
    portrait adapter. BugError when `frame_count` is not 4k+1.
    """
    indices_FL = _indices(expression_ranges(frame_count), frame_count * TOKENS_PER_VIDEO_FRAME)
    lengths_F = torch.full((indices_FL.shape[0],), indices_FL.shape[1], dtype=torch.int64)
    return TokenWindows(indices_FL=indices_FL, lengths_F=lengths_F)


def voice_windows(frame_count: int, token_count: int, margin: int = VOICE_MARGIN_TOKENS) -> TokenWindows:
    """Return the windows into `token_count` speech tokens that last as long as `frame_count` = 4k+1 frames.

    `margin` tokens are added on both sides. What falls outside the timeline is padding behind the window's
    length. BugError when `frame_count` is not 4k+1, or a window would hold nothing.
    """
    ranges = [(start - margin, end + margin) for start, end in voice_ranges(frame_count, token_count)]
    indices_FL = _indices(ranges, token_count)
    lengths_F = (indices_FL != ZERO_TOKEN).sum(dim=1)
    if not bool(lengths_F.all()):
        raise BugError(f"a window of {frame_count} frames holds none of the {token_count} speech tokens")
    return TokenWindows(indices_FL=indices_FL, lengths_F=lengths_F)


def gather_windows(tokens_KD: torch.Tensor, windows: TokenWindows) -> torch.Tensor:
    """Return the tokens of each window [F, L, D], on the tokens' device; zeros at ZERO_TOKEN."""
    indices_FL = windows.indices_FL.to(tokens_KD.device)
    tokens_FLD = tokens_KD[indices_FL.clamp(min=0)]
    return tokens_FLD.masked_fill((indices_FL == ZERO_TOKEN).unsqueeze(-1), 0)


def _indices(ranges: list[tuple[int, int]], token_count: int) -> torch.Tensor:
    """Return each range's tokens that exist, then ZERO_TOKEN up to the length of a whole range."""
    length = ranges[0][1] - ranges[0][0] + 1
    indices_FL = torch.full((len(ranges), length), ZERO_TOKEN, dtype=torch.int64)
    for row, (start, end) in zip(indices_FL, ranges, strict=True):
        valid = torch.arange(max(start, 0), min(end + 1, token_count))
        row[: len(valid)] = valid
    return indices_FL
