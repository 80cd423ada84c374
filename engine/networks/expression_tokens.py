"""Expression features as tokens of the portrait adapter: 24 of each video frame.

Shapes: T video frames, E features of a face, D the adapter's width, W a resampler's width, N what one part of
the features is resampled from, Q queries, H heads, P a head's width.
Source: FantasyPortrait's expression-augmented learning (arXiv 2507.12956), as published; the attributes
carry the published names, so a published dictionary loads under the prefix of the same name.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from engine.networks.expression_encoder import FeaturePart


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionTokensConfig:
    """Sizes of the network; the defaults are the published ones."""

    width: int = 2048
    resampler_width: int = 1280
    resampler_depth: int = 4
    resampler_heads: int = 20
    head_width: int = 64
    feed_forward_factor: int = 4
    mouth_queries: int = 16
    emotion_queries: int = 4

    @property
    def tokens_per_frame(self) -> int:
        """One token of each part of the features, then the mouth's and the emotion's."""
        return len(FeaturePart) + self.mouth_queries + self.emotion_queries


class ResamplerAttention(nn.Module):
    """Queries attend to the input and to themselves."""

    def __init__(self, config: ExpressionTokensConfig) -> None:
        super().__init__()
        width, inner = config.resampler_width, config.resampler_heads * config.head_width
        self.heads = config.resampler_heads
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, input_T1W: torch.Tensor, queries_TQW: torch.Tensor) -> torch.Tensor:
        own_TQW = self.norm2(queries_TQW)
        seen = torch.cat((self.norm1(input_T1W), own_TQW), dim=1)
        queries = self._by_head(self.to_q(own_TQW))
        keys, values = (self._by_head(part) for part in self.to_kv(seen).chunk(2, dim=-1))
        # Queries and keys each take half of the scale 1/sqrt(P): their product stays small in half precision.
        scale = queries.shape[-1] ** -0.25
        scores = (queries * scale) @ (keys * scale).transpose(-2, -1)
        weights = functional.softmax(scores, dim=-1, dtype=torch.float32).to(scores.dtype)
        attended: torch.Tensor = self.to_out((weights @ values).transpose(1, 2).flatten(2))
        return attended

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        """[T, Q, H*P] -> [T, H, Q, P]"""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class Resampler(nn.Module):
    """Learned queries that read one vector, layer by layer (a Perceiver resampler)."""

    def __init__(self, config: ExpressionTokensConfig, *, width_in: int, queries: int) -> None:
        super().__init__()
        width = config.resampler_width
        self.latents = nn.Parameter(torch.randn(1, queries, width) / width**0.5)
        self.proj_in = nn.Linear(width_in, width)
        self.layers = nn.ModuleList(
            nn.ModuleList((ResamplerAttention(config), _feed_forward(width, config.feed_forward_factor)))
            for _ in range(config.resampler_depth)
        )
        self.proj_out = nn.Linear(width, config.width)
        self.norm_out = nn.LayerNorm(config.width)

    def forward(self, part_TN: torch.Tensor) -> torch.Tensor:
        """Return tokens [T, Q, D] of one part of the features [T, N]."""
        input_T1W = self.proj_in(part_TN).unsqueeze(1)
        queries_TQW = self.latents.expand(len(part_TN), -1, -1)
        for layer in self.layers:
            attention, feed_forward = layer.children()
            queries_TQW = queries_TQW + attention(input_T1W, queries_TQW)
            queries_TQW = queries_TQW + feed_forward(queries_TQW)
        tokens_TQD: torch.Tensor = self.norm_out(self.proj_out(queries_TQW))
        return tokens_TQD


class PartTokens(nn.Module):
    """One token of each part of the features; the parts share one LayerNorm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.headpose_proj = nn.Linear(FeaturePart.HEAD.size, width, bias=False)
        self.eye_proj = nn.Linear(FeaturePart.EYES.size, width, bias=False)
        self.emo_proj = nn.Linear(FeaturePart.EMOTION.size, width, bias=False)
        self.mouth_proj = nn.Linear(FeaturePart.MOUTH.size, width, bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, features_TE: torch.Tensor) -> torch.Tensor:
        """Return tokens [T, 4, D]: head, eyes, emotion, mouth."""
        head = self.headpose_proj(features_TE[:, FeaturePart.HEAD.value])
        eyes = self.eye_proj(features_TE[:, FeaturePart.EYES.value])
        emotion = self.emo_proj(features_TE[:, FeaturePart.EMOTION.value])
        mouth = self.mouth_proj(features_TE[:, FeaturePart.MOUTH.value])
        tokens_T4D: torch.Tensor = self.norm(torch.stack((head, eyes, emotion, mouth), dim=1))
        return tokens_T4D


class ExpressionTokens(nn.Module):
    """The whole of it: four tokens of the parts, then what the queries read from mouth and emotion."""

    def __init__(self, config: ExpressionTokensConfig) -> None:
        super().__init__()
        self.config = config
        self.proj_model = PartTokens(config.width)
        self.mouth_proj_model = Resampler(
            config, width_in=FeaturePart.MOUTH.size, queries=config.mouth_queries
        )
        self.emo_proj_model = Resampler(
            config, width_in=FeaturePart.EMOTION.size, queries=config.emotion_queries
        )

    def forward(self, features_TE: torch.Tensor) -> torch.Tensor:
        """Return the timeline [T*24, D] of features [T, 554]; frames do not see each other."""
        parts_T4D = self.proj_model(features_TE)
        mouth_TQD = self.mouth_proj_model(features_TE[:, FeaturePart.MOUTH.value])
        emotion_TQD = self.emo_proj_model(features_TE[:, FeaturePart.EMOTION.value])
        return torch.cat((parts_T4D, mouth_TQD, emotion_TQD), dim=1).flatten(0, 1)


def _feed_forward(width: int, factor: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, factor * width, bias=False),
        nn.GELU(),
        nn.Linear(factor * width, width, bias=False),
    )
