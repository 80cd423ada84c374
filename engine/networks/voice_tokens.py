"""Speech features as tokens of the talking adapter.

Shapes: K moments of sound, H the speech encoder's width, D the adapter's width.
Source: FantasyTalking's published code (`AudioProjModel`); the attributes carry the published names.
"""

import torch
from torch import nn


class VoiceTokens(nn.Module):
    """LayerNorm(Linear); published sizes: 768 -> 2048."""

    def __init__(self, *, speech_width: int = 768, width: int = 2048) -> None:
        super().__init__()
        self.proj = nn.Linear(speech_width, width, bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden_KH: torch.Tensor) -> torch.Tensor:
        """Return the timeline [K, D] of the speech encoder's last hidden state [K, H]."""
        tokens_KD: torch.Tensor = self.norm(self.proj(hidden_KH))
        return tokens_KD
