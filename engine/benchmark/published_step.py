"""A guided step in the order of work that both projects publish, on diffusers' own transformer.

One branch after the other, each a forward of its own: with adapters, without them, with the negative prompt
(the last one falls away at a text scale of 1). "Without" is a factor of 0: the adapters' attention is
computed all the same. Texts and picture are embedded in every forward, their keys and values and those of
the adapters made in every block of it. Characters are told apart by a dense mask over all their windows.
Source: FantasyPortrait (`WanVideoPipeline`, `create_mask`), FantasyTalking (`WanCrossAttentionProcessor`);
for three characters and more the mask follows Masque's rule.

Shapes: N tokens of width C, F latent frames of S tokens; A tokens of all characters' windows together, D the
adapters' width; H heads of width W; latents are [16, F, h, w].
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.models.transformers.transformer_wan import WanAttention

from engine.networks.adapter_projections import AdapterProjections
from engine.networks.shot_tokens import NOBODY, CharacterTokens, TokenRegions
from engine.networks.token_windows import gather_windows
from engine.planning.guidance import GuidanceScales, TextRole
from engine.sampling.conditions import ShotConditions
from engine.sampling.guided_velocity import DiffusionModel

_TEXT_TOKENS = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskedAdapter:
    """One adapter's tokens of all characters [F, A, D], who may attend to them [F, 1, S, A], its weights."""

    tokens_FAD: torch.Tensor
    allowed_F1SA: torch.Tensor
    projections: AdapterProjections


@dataclass(slots=True, kw_only=True)
class AdapterScale:
    """The factor of what adapters add, one for all blocks; it changes from branch to branch."""

    value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PublishedCrossAttention:
    """The attention processor of one block: text + picture + scale * adapters, then the output projection."""

    block: int
    adapters: Sequence[MaskedAdapter]
    scale: AdapterScale

    def __call__(
        self,
        attention: WanAttention,
        hidden_1NC: torch.Tensor,
        context_1LC: torch.Tensor,
        _mask: torch.Tensor | None = None,
        _rotary: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Return the cross-attention [1, N, C]; the context is the picture's tokens, then the text's."""
        picture_1LC, text_1LC = context_1LC[:, :-_TEXT_TOKENS], context_1LC[:, -_TEXT_TOKENS:]
        heads = attention.heads
        query_1HNW = _by_head(attention.norm_q(attention.to_q(hidden_1NC)), heads)
        text_keys = _by_head(attention.norm_k(attention.to_k(text_1LC)), heads)
        text_values = _by_head(attention.to_v(text_1LC), heads)
        picture_keys = _by_head(attention.norm_added_k(attention.add_k_proj(picture_1LC)), heads)
        picture_values = _by_head(attention.add_v_proj(picture_1LC), heads)
        found = F.scaled_dot_product_attention(query_1HNW, text_keys, text_values)
        found = found + F.scaled_dot_product_attention(query_1HNW, picture_keys, picture_values)
        rows_1NC = found.transpose(1, 2).flatten(2)
        for adapter in self.adapters:
            rows_1NC = rows_1NC + self.scale.value * self._adapted(query_1HNW, adapter)
        return attention.to_out[1](attention.to_out[0](rows_1NC))

    def _adapted(self, query_1HNW: torch.Tensor, adapter: MaskedAdapter) -> torch.Tensor:
        frames, heads = adapter.tokens_FAD.shape[0], query_1HNW.shape[1]
        query_FHSW = query_1HNW[0].unflatten(1, (frames, -1)).transpose(0, 1)
        keys_FAC, values_FAC = adapter.projections(adapter.tokens_FAD, self.block)
        found_FHSW = F.scaled_dot_product_attention(
            query_FHSW, _by_head(keys_FAC, heads), _by_head(values_FAC, heads), attn_mask=adapter.allowed_F1SA
        )
        return found_FHSW.transpose(1, 2).flatten(2).flatten(0, 1)[None]


class PublishedStep:
    """The guided velocity of a shot, computed the published way. `forwards` counts the transformer's so far.

    The transformer is left as it was found.
    """

    def __init__(self, model: DiffusionModel, conditions: ShotConditions, scales: GuidanceScales) -> None:
        self._model = model
        self._conditions = conditions
        self._scales = scales
        self._scale = AdapterScale(value=1.0)
        self._like = model.transformer.patch_embedding.weight
        self._adapters = [
            _masked(model.projections[name], conditions.regions, characters, self._like)
            for name, characters in sorted(conditions.adapters.items())
        ]
        self.forwards = 0

    @torch.inference_mode()
    def __call__(self, latents_16FHW: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        """Return u + c (n - u) + a (p - n) [16, F, h, w], float32."""
        text, adapters = self._scales.text, self._scales.adapters
        with self._adapted_blocks():
            noisy = torch.cat([latents_16FHW.to(self._like), self._conditions.plate_20FHW.to(self._like)])
            full = self._forward(noisy, timestep, TextRole.PROMPT, scale=1.0)
            plain = self._forward(noisy, timestep, TextRole.PROMPT, scale=0.0)
            if text == 1.0:
                return plain + adapters * (full - plain)
            negative = self._forward(noisy, timestep, TextRole.NEGATIVE, scale=0.0)
        return negative + text * (plain - negative) + adapters * (full - plain)

    def _forward(
        self, noisy_36FHW: torch.Tensor, timestep: torch.Tensor, text: TextRole, *, scale: float
    ) -> torch.Tensor:
        self._scale.value = scale
        self.forwards += 1
        (velocity,) = self._model.transformer(
            hidden_states=noisy_36FHW[None],
            timestep=timestep.reshape(1),
            encoder_hidden_states=self._conditions.text[text].to(self._like)[None],
            encoder_hidden_states_image=self._conditions.image_tokens.to(self._like)[None],
            return_dict=False,
        )
        return velocity[0].float()

    @contextmanager
    def _adapted_blocks(self) -> Iterator[None]:
        blocks = self._model.transformer.blocks
        before = [block.attn2.processor for block in blocks]
        try:
            for number, block in enumerate(blocks):
                block.attn2.set_processor(
                    PublishedCrossAttention(block=number, adapters=self._adapters, scale=self._scale)
                )
            yield
        finally:
            for block, processor in zip(blocks, before, strict=True):
                block.attn2.set_processor(processor)


def _masked(
    projections: AdapterProjections,
    regions: TokenRegions,
    characters: Mapping[int, CharacterTokens],
    like: torch.Tensor,
) -> MaskedAdapter:
    """Return all characters' windows side by side, and the mask: a region sees its own, nobody's sees all."""
    labels = sorted(characters)
    windows = [characters[label].windows for label in labels]
    tokens_FAD = torch.cat(
        [
            gather_windows(characters[label].tokens_KD, window)
            for label, window in zip(labels, windows, strict=True)
        ],
        dim=1,
    )
    owner_FS1 = regions.owner_FS[:, :, None]
    label_A = torch.cat(
        [
            torch.full((window.indices_FL.shape[1],), label)
            for label, window in zip(labels, windows, strict=True)
        ]
    )
    counts_FA = torch.cat(
        [torch.arange(window.indices_FL.shape[1]) < window.lengths_F[:, None] for window in windows], dim=1
    )
    allowed_FSA = ((owner_FS1 == label_A) | (owner_FS1 == NOBODY)) & counts_FA[:, None]
    return MaskedAdapter(
        tokens_FAD=tokens_FAD.to(like),
        allowed_F1SA=allowed_FSA[:, None].to(like.device),
        projections=projections,
    )


def _by_head(rows_BLC: torch.Tensor, heads: int) -> torch.Tensor:
    return rows_BLC.unflatten(-1, (heads, -1)).transpose(1, 2)
