"""A block of the transformer on the tokens of one branch, in place and in pieces.

The arithmetic is that of diffusers' `WanTransformerBlock` (published: Wan2.1) with the adapters'
cross-attention added before the output projection: text + image + strength * adapter. Norms, modulation and
rotation are float32, of one piece of the tokens at a time; only what an attention needs is there for all
tokens at once.

The tokens themselves stay float32 from the first block to the last, as in Wan2.1's own code. diffusers rounds
them to the number format of the weights three times in each block: that is most of what bfloat16 costs, and
float16 has no room for large ones. Where memory is short they may be kept narrow all the same; each sum is
float32 before it is rounded.

Shapes: N tokens, n those of a piece, C the transformer's width, H heads of width W.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from engine.networks.adapter_attention import KeysValues, RowGroup, add_attended

PIECE_TOKENS = 8192

Rotary = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines [1, N, 1, W/2], float32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Modulation:
    """A block's six shift, scale and gate vectors [1, 1, C], float32."""

    shift: torch.Tensor
    scale: torch.Tensor
    gate: torch.Tensor
    forward_shift: torch.Tensor
    forward_scale: torch.Tensor
    forward_gate: torch.Tensor

    @classmethod
    def of(cls, block: WanTransformerBlock, vectors_16C: torch.Tensor) -> "Modulation":
        """Return a block's own table plus the timestep's vectors."""
        parts = (block.scale_shift_table.float() + vectors_16C).chunk(6, dim=1)
        return cls(
            shift=parts[0],
            scale=parts[1],
            gate=parts[2],
            forward_shift=parts[3],
            forward_scale=parts[4],
            forward_gate=parts[5],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BranchContext:
    """What the tokens of a branch attend to in one block besides each other.

    `text`, `image`: keys and values [1, H, L, W]; `adapters`: for each that speaks, who attends to what, and
    the characters' keys and values.
    """

    text: tuple[torch.Tensor, torch.Tensor]
    image: tuple[torch.Tensor, torch.Tensor]
    adapters: Sequence[tuple[tuple[RowGroup, ...], Mapping[int, KeysValues]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """How a forward computes: products and attention in `dtype`, at most `piece_tokens` at a time.

    `token_dtype`: what the tokens are kept in between layers.
    """

    dtype: torch.dtype
    piece_tokens: int
    token_dtype: torch.dtype = torch.float32

    def pieces(self, rows_1NC: torch.Tensor) -> Iterator[slice]:
        """Yield the ranges of tokens to go through, one piece after another."""
        count = rows_1NC.shape[1]
        for start in range(0, count, self.piece_tokens):
            yield slice(start, min(start + self.piece_tokens, count))

    def by_head(self, rows_1NC: torch.Tensor, heads: int) -> torch.Tensor:
        """Return room for a number for each head of each token, [1, N, H, W]."""
        return torch.empty_like(rows_1NC, dtype=self.dtype).unflatten(-1, (heads, -1))


def add_self_attention(
    block: WanTransformerBlock,
    hidden_1NC: torch.Tensor,
    parts: Modulation,
    rotary: Rotary,
    arithmetic: Arithmetic,
) -> None:
    """Add what the tokens find in each other."""
    attention = block.attn1
    query, keys, values = (arithmetic.by_head(hidden_1NC, attention.heads) for _ in range(3))
    for rows in arithmetic.pieces(hidden_1NC):
        normed = block.norm1(hidden_1NC[:, rows].float()) * (1 + parts.scale) + parts.shift
        normed = normed.to(arithmetic.dtype)
        turn = (rotary[0][:, rows], rotary[1][:, rows])
        query[:, rows] = _turned(attention.norm_q(attention.to_q(normed)), attention.heads, turn)
        keys[:, rows] = _turned(attention.norm_k(attention.to_k(normed)), attention.heads, turn)
        values[:, rows] = attention.to_v(normed).unflatten(-1, (attention.heads, -1))
    backend = attention.processor._attention_backend  # diffusers offers no other way to ask
    found_1NHW = dispatch_attention_fn(query, keys, values, backend=backend)
    del query, keys, values
    for rows in arithmetic.pieces(hidden_1NC):
        output = attention.to_out[0](found_1NHW[:, rows].flatten(2).to(arithmetic.dtype))
        hidden_1NC[:, rows] += output * parts.gate


def add_cross_attention(
    block: WanTransformerBlock, hidden_1NC: torch.Tensor, context: BranchContext, arithmetic: Arithmetic
) -> None:
    """Add what the tokens find in text, image and the adapters' tokens."""
    attention = block.attn2
    query, found = (arithmetic.by_head(hidden_1NC, attention.heads) for _ in range(2))
    for rows in arithmetic.pieces(hidden_1NC):
        normed = block.norm2(hidden_1NC[:, rows].float()).to(arithmetic.dtype)
        query[:, rows] = attention.norm_q(attention.to_q(normed)).unflatten(-1, (attention.heads, -1))
        query_1HnW = query[:, rows].transpose(1, 2)
        found_1HnW = F.scaled_dot_product_attention(query_1HnW, *context.text)
        found_1HnW = found_1HnW + F.scaled_dot_product_attention(query_1HnW, *context.image)
        found[:, rows] = found_1HnW.transpose(1, 2)
    for groups, keys_values in context.adapters:
        add_attended(found[0], query[0], groups, keys_values)
    for rows in arithmetic.pieces(hidden_1NC):
        hidden_1NC[:, rows] += attention.to_out[0](found[:, rows].flatten(2))


def add_feed_forward(
    block: WanTransformerBlock, hidden_1NC: torch.Tensor, parts: Modulation, arithmetic: Arithmetic
) -> None:
    """Add what each token makes of itself."""
    for rows in arithmetic.pieces(hidden_1NC):
        normed = block.norm3(hidden_1NC[:, rows].float()) * (1 + parts.forward_scale) + parts.forward_shift
        hidden_1NC[:, rows] += block.ffn(normed.to(arithmetic.dtype)) * parts.forward_gate


def _turned(rows_1nC: torch.Tensor, heads: int, rotary: Rotary) -> torch.Tensor:
    """Return queries or keys [1, n, H, W] turned by their place in the picture and in time, float32."""
    cosines, sines = rotary
    even, odd = rows_1nC.unflatten(-1, (heads, -1, 2)).unbind(-1)
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), dim=-1).flatten(-2)
