"""A block of the transformer on the tokens of one branch, in place and in pieces.

The arithmetic is that of diffusers' `WanTransformerBlock` (published: Wan2.1) with the adapters'
cross-attention added before the output projection: text + image + strength * adapter. Norms, modulation,
rotation and the sums of the residual are float32, of one piece of the tokens at a time: one float32 copy of
all tokens is 1.5 GB at 1280x720. Only what an attention needs is there for all tokens at once.

Shapes: N tokens, n those of a piece, C the transformer's width, H heads of width W.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_wan import WanAttention, WanTransformerBlock

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


def pieces(count: int, most: int) -> Iterator[slice]:
    """Yield the ranges of `count` tokens, `most` at a time."""
    for start in range(0, count, most):
        yield slice(start, min(start + most, count))


def add_self_attention(
    block: WanTransformerBlock, hidden_1NC: torch.Tensor, parts: Modulation, rotary: Rotary, most: int
) -> None:
    """Add what the tokens find in each other."""
    attention = block.attn1
    query_1NHW, keys_1NHW, values_1NHW = (_by_head(hidden_1NC, attention) for _ in range(3))
    for rows in pieces(hidden_1NC.shape[1], most):
        piece_1nC = hidden_1NC[:, rows]
        normed = (block.norm1(piece_1nC.float()) * (1 + parts.scale) + parts.shift).type_as(piece_1nC)
        turn = (rotary[0][:, rows], rotary[1][:, rows])
        query_1NHW[:, rows] = _turned(attention.norm_q(attention.to_q(normed)), attention, turn)
        keys_1NHW[:, rows] = _turned(attention.norm_k(attention.to_k(normed)), attention, turn)
        values_1NHW[:, rows] = attention.to_v(normed).unflatten(-1, (attention.heads, -1))
    backend = attention.processor._attention_backend  # diffusers offers no other way to ask
    attended_1NHW = dispatch_attention_fn(query_1NHW, keys_1NHW, values_1NHW, backend=backend)
    del query_1NHW, keys_1NHW, values_1NHW
    for rows in pieces(hidden_1NC.shape[1], most):
        output = attention.to_out[0](attended_1NHW[:, rows].flatten(2).type_as(hidden_1NC))
        hidden_1NC[:, rows] = hidden_1NC[:, rows].float() + output * parts.gate


def add_cross_attention(
    block: WanTransformerBlock, hidden_1NC: torch.Tensor, context: BranchContext, most: int
) -> None:
    """Add what the tokens find in text, image and the adapters' tokens."""
    attention = block.attn2
    query_1NHW, found_1NHW = _by_head(hidden_1NC, attention), _by_head(hidden_1NC, attention)
    for rows in pieces(hidden_1NC.shape[1], most):
        normed = block.norm2(hidden_1NC[:, rows].float()).type_as(hidden_1NC)
        query_1nC = attention.norm_q(attention.to_q(normed))
        query_1NHW[:, rows] = query_1nC.unflatten(-1, (attention.heads, -1))
        query_1HnW = query_1NHW[:, rows].transpose(1, 2)
        found_1HnW = F.scaled_dot_product_attention(query_1HnW, *context.text)
        found_1HnW = found_1HnW + F.scaled_dot_product_attention(query_1HnW, *context.image)
        found_1NHW[:, rows] = found_1HnW.transpose(1, 2)
    for groups, keys_values in context.adapters:
        add_attended(found_1NHW[0], query_1NHW[0], groups, keys_values)
    for rows in pieces(hidden_1NC.shape[1], most):
        hidden_1NC[:, rows] += attention.to_out[0](found_1NHW[:, rows].flatten(2))


def add_feed_forward(
    block: WanTransformerBlock, hidden_1NC: torch.Tensor, parts: Modulation, most: int
) -> None:
    """Add what each token makes of itself."""
    for rows in pieces(hidden_1NC.shape[1], most):
        piece_1nC = hidden_1NC[:, rows]
        normed = block.norm3(piece_1nC.float()) * (1 + parts.forward_scale) + parts.forward_shift
        output = block.ffn(normed.type_as(piece_1nC))
        hidden_1NC[:, rows] = piece_1nC.float() + output.float() * parts.forward_gate


def _by_head(hidden_1NC: torch.Tensor, attention: WanAttention) -> torch.Tensor:
    """Return room for a number for each head of each token, [1, N, H, W]."""
    return torch.empty_like(hidden_1NC).unflatten(-1, (attention.heads, -1))


def _turned(rows_1nC: torch.Tensor, attention: WanAttention, rotary: Rotary) -> torch.Tensor:
    """Return queries or keys [1, n, H, W] turned by their place in the picture and in time, float32."""
    cosines, sines = rotary
    even, odd = rows_1nC.unflatten(-1, (attention.heads, -1, 2)).unbind(-1)
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), dim=-1).flatten(-2)
