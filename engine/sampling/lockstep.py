"""The transformer's forward for several guidance branches at once, block by block.

A block's weights are used for every branch while they are there, and block 0's self-attention, the same for
all of them, is computed once.

Shapes: N tokens, C the transformer's width; latents are [16, F, h, w].
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from engine.memory.lending import AtHand, Lender
from engine.networks.adapter_attention import RowGroup
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import Branch
from engine.sampling.block_forward import (
    PIECE_TOKENS,
    Arithmetic,
    BranchContext,
    Modulation,
    Rotary,
    add_cross_attention,
    add_feed_forward,
    add_self_attention,
)
from engine.sampling.key_value_bank import BlockKeysValues
from engine.sampling.timestep_embedding import timestep_embedding

Groups = Mapping[AdapterName, tuple[RowGroup, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHandling:
    """How many tokens go through a layer at a time where they do not see each other, and their format.

    `dtype`: of the tokens between layers; float32 unless memory is short.
    """

    piece_tokens: int = PIECE_TOKENS
    dtype: torch.dtype = torch.float32


USUAL_TOKENS = TokenHandling()


class LockstepTransformer:
    """A transformer with the keys and values of a shot. One call is one step of all branches.

    `bank`, `blocks`: block by block, at hand or brought to the device when they are used (the transformer's
    own blocks where none are given). `on_block` is called before each block of each branch; what it raises
    ends the step (a cancelled render).
    """

    def __init__(
        self,
        transformer: WanTransformer3DModel,
        bank: Lender[BlockKeysValues],
        *,
        blocks: Lender[WanTransformerBlock] | None = None,
        tokens: TokenHandling = USUAL_TOKENS,
        on_block: Callable[[], None] | None = None,
    ) -> None:
        self._transformer = transformer
        self._bank = bank
        self._blocks = AtHand(transformer.blocks) if blocks is None else blocks
        weight = transformer.patch_embedding.weight
        self._arithmetic = Arithmetic(
            dtype=weight.dtype, piece_tokens=tokens.piece_tokens, token_dtype=tokens.dtype
        )
        self._on_block = on_block or (lambda: None)

    @torch.inference_mode()
    def velocities(
        self,
        input_36FHW: torch.Tensor,
        timestep: torch.Tensor,
        branches: Sequence[Branch],
        groups: Groups,
        time_offset_C: torch.Tensor | None = None,
    ) -> dict[Branch, torch.Tensor]:
        """Return each branch's velocity [16, F, h, w], float32, on the transformer's device.

        `input_36FHW`: 16 noisy latents, 4 mask channels, 16 latents of the known frames; `timestep`: a number
        in 0..1000 as a tensor of no or one dimension; `groups`: who attends to what, for each adapter.
        """
        model, arithmetic = self._transformer, self._arithmetic
        tokens_1NC, rotary = self._embedded(input_36FHW)
        embedding_1C, vectors_16C = timestep_embedding(model.condition_embedder, timestep, time_offset_C)
        hidden: dict[Branch, torch.Tensor] = {}
        for number in range(len(self._blocks)):
            with self._blocks.use(number) as block, self._bank.use(number) as known:
                parts = Modulation.of(block, vectors_16C)
                for branch in branches:
                    self._on_block()
                    if number > 0:
                        add_self_attention(block, hidden[branch], parts, rotary, arithmetic)
                    elif not hidden:
                        add_self_attention(block, tokens_1NC, parts, rotary, arithmetic)
                        hidden = _copies(tokens_1NC, branches)
                    add_cross_attention(block, hidden[branch], _context(known, branch, groups), arithmetic)
                    add_feed_forward(block, hidden[branch], parts, arithmetic)
        return {
            branch: self._unpatched(self._projected(hidden[branch], embedding_1C), input_36FHW)
            for branch in branches
        }

    def _embedded(self, input_36FHW: torch.Tensor) -> tuple[torch.Tensor, Rotary]:
        weight = self._transformer.patch_embedding.weight
        video_1CFHW = input_36FHW[None].to(device=weight.device, dtype=weight.dtype)
        cosines, sines = self._transformer.rope(video_1CFHW)  # each number twice: for both of a pair
        patches = self._transformer.patch_embedding(video_1CFHW)
        tokens_1NC = patches.flatten(2).transpose(1, 2).to(self._arithmetic.token_dtype).contiguous()
        return tokens_1NC, (cosines[..., 0::2].contiguous(), sines[..., 1::2].contiguous())

    def _projected(self, hidden_1NC: torch.Tensor, embedding_1C: torch.Tensor) -> torch.Tensor:
        """Return a row of numbers for each token, [1, N, P]."""
        model = self._transformer
        shift, scale = (model.scale_shift_table.float() + embedding_1C[:, None]).chunk(2, dim=1)
        projected = []
        for rows in self._arithmetic.pieces(hidden_1NC):
            normed = model.norm_out(hidden_1NC[:, rows].float()) * (1 + scale) + shift
            projected.append(model.proj_out(normed.to(self._arithmetic.dtype)))
        return torch.cat(projected, dim=1)

    def _unpatched(self, patches_1NP: torch.Tensor, input_36FHW: torch.Tensor) -> torch.Tensor:
        """Return [16, F, h, w] in float32 from one row of numbers for each token."""
        across_time, down, across = self._transformer.config.patch_size
        _, frames, rows, columns = input_36FHW.shape
        places = (frames // across_time, rows // down, columns // across)
        grid = patches_1NP[0].float().reshape(*places, across_time, down, across, -1)
        return grid.permute(6, 0, 3, 1, 4, 2, 5).flatten(5, 6).flatten(3, 4).flatten(1, 2)


def _copies(tokens_1NC: torch.Tensor, branches: Sequence[Branch]) -> dict[Branch, torch.Tensor]:
    """Return the tokens for each branch, none of them shared: blocks change them in place."""
    first, *others = branches
    return {first: tokens_1NC, **{branch: tokens_1NC.clone() for branch in others}}


def _context(known: BlockKeysValues, branch: Branch, groups: Groups) -> BranchContext:
    return BranchContext(
        text=known.text[branch.text],
        image=known.image,
        adapters=[(groups[adapter], known.adapters[adapter]) for adapter in sorted(branch.adapters)],
    )
