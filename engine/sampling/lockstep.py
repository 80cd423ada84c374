"""The transformer's forward for several guidance branches at once, block by block.

A block's weights are used for every branch while they are there; block 0's self-attention is the same for all
of them and computed once; feed-forward and modulation go through the tokens in pieces. The arithmetic is that
of diffusers' `WanTransformer3DModel` (published: Wan2.1) with the adapters' cross-attention added before the
output projection: text + image + strength * adapter.

Shapes: N tokens, C the transformer's width, H heads of width W; latents are [16, F, h, w].
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttention, WanTransformerBlock

from engine.networks.adapter_attention import RowGroup, attend
from engine.networks.shot_tokens import AdapterName
from engine.sampling.guidance import Branch
from engine.sampling.key_value_bank import BlockKeysValues

Rotary = tuple[torch.Tensor, torch.Tensor]
FEED_FORWARD_TOKENS = 8192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Modulation:
    """A block's six shift, scale and gate vectors [1, 1, C], float32."""

    shift: torch.Tensor
    scale: torch.Tensor
    gate: torch.Tensor
    forward_shift: torch.Tensor
    forward_scale: torch.Tensor
    forward_gate: torch.Tensor


class LockstepTransformer:
    """A transformer with the keys and values of a shot. One call is one step of all branches.

    `on_block` is called before each block of each branch; what it raises ends the step (a cancelled render).
    """

    def __init__(
        self,
        transformer: WanTransformer3DModel,
        bank: Sequence[BlockKeysValues],
        *,
        feed_forward_tokens: int = FEED_FORWARD_TOKENS,
        on_block: Callable[[], None] | None = None,
    ) -> None:
        self._transformer = transformer
        self._bank = bank
        self._feed_forward_tokens = feed_forward_tokens
        self._on_block = on_block or (lambda: None)

    @torch.inference_mode()
    def velocities(
        self,
        input_36FHW: torch.Tensor,
        timestep: torch.Tensor,
        branches: Sequence[Branch],
        groups: Mapping[AdapterName, tuple[RowGroup, ...]],
        time_offset_C: torch.Tensor | None = None,
    ) -> dict[Branch, torch.Tensor]:
        """Return each branch's velocity [16, F, h, w], float32, on the transformer's device.

        `input_36FHW`: 16 noisy latents, 4 mask channels, 16 latents of the known frames; `timestep`: a number
        in 0..1000 as a tensor of no or one dimension; `groups`: who attends to what, for each adapter.
        """
        model = self._transformer
        tokens_1NC, rotary = self._embedded(input_36FHW)
        embedding_1C, modulation_16C = self._timed(timestep, time_offset_C)
        hidden = dict.fromkeys(branches, tokens_1NC)
        for number, (block, known) in enumerate(zip(model.blocks, self._bank, strict=True)):
            parts = _modulation(block, modulation_16C)
            first: torch.Tensor | None = None
            for branch in branches:
                self._on_block()
                if number == 0 and first is not None:
                    attended = first
                else:
                    attended = _self_attended(block, hidden[branch], parts, rotary)
                first = attended
                crossed = _cross_attended(block.attn2, block, attended, branch, known, groups)
                hidden[branch] = self._fed_forward(block, crossed, parts)
        frames, rows, columns = _grid(model, input_36FHW)
        return {
            branch: _unpatched(model, _projected(model, hidden[branch], embedding_1C), frames, rows, columns)
            for branch in branches
        }

    def _embedded(self, input_36FHW: torch.Tensor) -> tuple[torch.Tensor, Rotary]:
        weight = self._transformer.patch_embedding.weight
        video_1CFHW = input_36FHW[None].to(device=weight.device, dtype=weight.dtype)
        rotary = self._transformer.rope(video_1CFHW)
        patches = self._transformer.patch_embedding(video_1CFHW)
        return patches.flatten(2).transpose(1, 2).contiguous(), rotary

    def _timed(
        self, timestep: torch.Tensor, time_offset_C: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the timestep's embedding [1, C] and its six modulation vectors [1, 6, C], both float32."""
        embedder = self._transformer.condition_embedder
        weight = next(embedder.time_embedder.parameters())
        waves = embedder.timesteps_proj(timestep.reshape(1).to(weight.device).float())
        embedding = embedder.time_embedder(waves.to(weight.dtype)).float()
        if time_offset_C is not None:
            embedding = embedding + time_offset_C.to(embedding)
        active = embedder.act_fn(embedding)
        weight, bias = embedder.time_proj.weight, embedder.time_proj.bias
        projected = F.linear(active.to(weight.dtype), weight, bias).float()
        return embedding, projected.unflatten(1, (6, -1))

    def _fed_forward(
        self, block: WanTransformerBlock, hidden_1NC: torch.Tensor, parts: _Modulation
    ) -> torch.Tensor:
        result = torch.empty_like(hidden_1NC)
        for start in range(0, hidden_1NC.shape[1], self._feed_forward_tokens):
            piece = hidden_1NC[:, start : start + self._feed_forward_tokens]
            normed = block.norm3(piece.float()) * (1 + parts.forward_scale) + parts.forward_shift
            output = block.ffn(normed.type_as(piece))
            result[:, start : start + piece.shape[1]] = piece.float() + output.float() * parts.forward_gate
        return result


def _modulation(block: WanTransformerBlock, modulation_16C: torch.Tensor) -> _Modulation:
    parts = (block.scale_shift_table.float() + modulation_16C).chunk(6, dim=1)
    return _Modulation(
        shift=parts[0],
        scale=parts[1],
        gate=parts[2],
        forward_shift=parts[3],
        forward_scale=parts[4],
        forward_gate=parts[5],
    )


def _self_attended(
    block: WanTransformerBlock, hidden_1NC: torch.Tensor, parts: _Modulation, rotary: Rotary
) -> torch.Tensor:
    normed = (block.norm1(hidden_1NC.float()) * (1 + parts.scale) + parts.shift).type_as(hidden_1NC)
    attended = block.attn1(normed, None, None, rotary)
    return (hidden_1NC.float() + attended * parts.gate).type_as(hidden_1NC)


def _cross_attended(
    attention: WanAttention,
    block: WanTransformerBlock,
    hidden_1NC: torch.Tensor,
    branch: Branch,
    known: BlockKeysValues,
    groups: Mapping[AdapterName, tuple[RowGroup, ...]],
) -> torch.Tensor:
    normed = block.norm2(hidden_1NC.float()).type_as(hidden_1NC)
    query_1NHW = attention.norm_q(attention.to_q(normed)).unflatten(-1, (attention.heads, -1))
    query_1HNW = query_1NHW.transpose(1, 2)
    found_1NHW = F.scaled_dot_product_attention(query_1HNW, *known.text[branch.text]).transpose(1, 2)
    found_1NHW = found_1NHW + F.scaled_dot_product_attention(query_1HNW, *known.image).transpose(1, 2)
    for adapter in sorted(branch.adapters):
        added_NHW = attend(query_1NHW[0], groups[adapter], known.adapters[adapter])
        found_1NHW = found_1NHW + added_NHW[None]
    return hidden_1NC + attention.to_out[0](found_1NHW.flatten(2))


def _grid(model: WanTransformer3DModel, input_36FHW: torch.Tensor) -> tuple[int, int, int]:
    across_time, down, across = model.config.patch_size
    _, frames, rows, columns = input_36FHW.shape
    return frames // across_time, rows // down, columns // across


def _projected(
    model: WanTransformer3DModel, hidden_1NC: torch.Tensor, embedding_1C: torch.Tensor
) -> torch.Tensor:
    shift, scale = (model.scale_shift_table.float() + embedding_1C[:, None]).chunk(2, dim=1)
    normed = (model.norm_out(hidden_1NC.float()) * (1 + scale) + shift).type_as(hidden_1NC)
    return model.proj_out(normed)


def _unpatched(
    model: WanTransformer3DModel, patches_1NP: torch.Tensor, frames: int, rows: int, columns: int
) -> torch.Tensor:
    """Return [16, F, h, w] in float32 from one row of numbers for each token."""
    across_time, down, across = model.config.patch_size
    grid = patches_1NP[0].float().reshape(frames, rows, columns, across_time, down, across, -1)
    return grid.permute(6, 0, 3, 1, 4, 2, 5).flatten(5, 6).flatten(3, 4).flatten(1, 2)
