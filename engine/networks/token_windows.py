"""Which tokens of the timeline each latent frame attends to.

Shapes: F latent frames, L tokens of a window, T = 4k+1 video frames, F = k+1. Latent frame 0 holds video
frame 0, latent frame i holds the frames 4i-3 to 4i.
"""

from dataclasses import dataclass

import torch

TOKENS_PER_VIDEO_FRAME = 24
VOICE_MARGIN_TOKENS = 4
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
