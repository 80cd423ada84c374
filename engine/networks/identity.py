"""A face's identity as tokens that every latent frame attends to.

Shapes: E numbers of a face embedding, N tokens made of it, W the network's width, Q queries, H heads, P a
head's width, D the adapter's width, C the transformer's width, F latent frames; "..." stands for any batch.
Source: FantasyTalking section 3.3 (arXiv 2504.04842): ArcFace, a Q-Former, a cross-attention of its own in
each block, Z' = Z + l1 Attn(voice) + l2 Attn(identity). The published weights hold no such module: its sizes
are our own choice.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from engine.networks.adapter_projections import AdapterProjections
from engine.networks.shot_tokens import CharacterTokens
from engine.networks.token_windows import TokenWindows

IDENTITY_STRENGTH = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfig:
    """Sizes of the network. `face_tokens`: how many tokens the queries can choose from."""

    width: int = 2048
    embedding_width: int = 512
    face_tokens: int = 4
    queries: int = 16
    query_width: int = 1280
    layers: int = 4
    heads: int = 20
    feed_forward_factor: int = 4


class Attention(nn.Module):
    """Multi-head attention of queries to some input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key = nn.Linear(width, width, bias=False)
        self.to_value = nn.Linear(width, width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, queries_QW: torch.Tensor, input_NW: torch.Tensor) -> torch.Tensor:
        attended = functional.scaled_dot_product_attention(
            self._by_head(self.to_query(queries_QW)),
            self._by_head(self.to_key(input_NW)),
            self._by_head(self.to_value(input_NW)),
        )
        out_QW: torch.Tensor = self.to_out(attended.transpose(-3, -2).flatten(-2))
        return out_QW

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        """[..., Q, H*P] -> [..., H, Q, P]"""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(-3, -2)


class QueryLayer(nn.Module):
    """The queries look at each other, then at the face, then each thinks for itself."""

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        width = config.query_width
        self.own_norm = nn.LayerNorm(width)
        self.own_attention = Attention(width, config.heads)
        self.face_norm = nn.LayerNorm(width)
        self.face_attention = Attention(width, config.heads)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.feed_forward_factor * width),
            nn.GELU(),
            nn.Linear(config.feed_forward_factor * width, width),
        )

    def forward(self, queries_QW: torch.Tensor, face_NW: torch.Tensor) -> torch.Tensor:
        own_QW = self.own_norm(queries_QW)
        queries_QW = queries_QW + self.own_attention(own_QW, own_QW)
        queries_QW = queries_QW + self.face_attention(self.face_norm(queries_QW), face_NW)
        return queries_QW + self.feed_forward(queries_QW)


class IdentityTokens(nn.Module):
    """A Q-Former: learned queries read a face embedding.

    The embedding is first spread over several tokens, for attention to a single one has nothing to choose.
    """

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        self.config = config
        self.queries = nn.Parameter(torch.randn(config.queries, config.query_width) / config.query_width**0.5)
        self.spread = nn.Linear(config.embedding_width, config.face_tokens * config.query_width)
        self.face_norm = nn.LayerNorm(config.query_width)
        self.layers = nn.ModuleList(QueryLayer(config) for _ in range(config.layers))
        self.proj_out = nn.Linear(config.query_width, config.width)
        self.norm_out = nn.LayerNorm(config.width)

    def forward(self, embedding_E: torch.Tensor) -> torch.Tensor:
        """Return tokens [..., Q, D] of face embeddings [..., E] (ArcFace: 512).

        Only an embedding's direction counts: its length says how good the picture is, not whose face it is.
        """
        direction_E = functional.normalize(embedding_E.float(), dim=-1) * self.config.embedding_width**0.5
        spread = self.spread(direction_E.to(embedding_E.dtype))
        face_NW = self.face_norm(spread.view(*spread.shape[:-1], self.config.face_tokens, -1))
        queries_QW = self.queries.expand(*embedding_E.shape[:-1], -1, -1)
        for layer in self.layers:
            queries_QW = layer(queries_QW, face_NW)
        tokens_QD: torch.Tensor = self.norm_out(self.proj_out(queries_QW))
        return tokens_QD


class IdentityModule(nn.Module):
    """The tokens, and the keys and values that each block makes of them; untrained it says nothing."""

    def __init__(self, config: IdentityConfig, *, model_width: int, blocks: int) -> None:
        super().__init__()
        self.tokens = IdentityTokens(config)
        self.projections = AdapterProjections(width=config.width, model_width=model_width, blocks=blocks)

    def forward(self, embedding_E: torch.Tensor, block: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values [..., Q, C] of face embeddings [..., E] for one block."""
        keys_QC, values_QC = self.projections(self.tokens(embedding_E), block)
        return keys_QC, values_QC


def identity_character_tokens(tokens_QD: torch.Tensor, latent_frames: int) -> CharacterTokens:
    """Return one character's tokens [Q, D] as an adapter's: all of them at each of `latent_frames`."""
    count = tokens_QD.shape[0]
    windows = TokenWindows(
        indices_FL=torch.arange(count).repeat(latent_frames, 1),
        lengths_F=torch.full((latent_frames,), count, dtype=torch.int64),
    )
    return CharacterTokens(
        tokens_KD=tokens_QD,
        windows=windows,
        strength_F=torch.full((latent_frames,), IDENTITY_STRENGTH),
        present_F=torch.ones(latent_frames, dtype=torch.bool),
    )
