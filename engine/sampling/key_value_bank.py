"""Keys and values of every cross-attention, computed once for a shot: none of them depends on the step.

After that the projections that made them (`to_k`, `to_v`, `add_k_proj`, `add_v_proj` of each block: a quarter
of the transformer's parameters at 14 B) need not be on the device any more.

A character's tokens are the exception where there are more of them than one pass can see: a minute of
expression would take 29 GB at 14 B. They are projected anew whenever a block needs them; for a minute that is
under 4 % of a forward at 832x480.

Shapes: L tokens of a context, K tokens on a character's timeline, H heads of width W.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttention

from engine.networks.adapter_attention import KeysValues, with_zero_token
from engine.networks.adapter_projections import AdapterProjections
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import TextRole
from engine.sampling.conditions import ShotConditions

MOST_KEPT_TOKENS = 5000
"""Of one character and adapter: those of the longest pass, 24 for each of 201 frames, are kept."""


class CharacterKeysValues(Mapping[int, KeysValues]):
    """One block's keys and values of each character: kept, or made when they are asked for."""

    def __init__(self, kept: Mapping[int, KeysValues], made: Mapping[int, Callable[[], KeysValues]]) -> None:
        self.kept = kept
        self._made = made

    def __getitem__(self, label: int) -> KeysValues:
        """Return a character's."""
        return self.kept[label] if label in self.kept else self._made[label]()

    def __iter__(self) -> Iterator[int]:
        """Yield the characters."""
        yield from (*self.kept, *self._made)

    def __len__(self) -> int:
        """Return how many characters there are."""
        return len(self.kept) + len(self._made)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockKeysValues:
    """One block's keys and values: [1, H, L, W] for texts and image, `KeysValues` for characters."""

    text: Mapping[TextRole, tuple[torch.Tensor, torch.Tensor]]
    image: tuple[torch.Tensor, torch.Tensor]
    adapters: Mapping[AdapterName, CharacterKeysValues]


@torch.inference_mode()
def key_value_bank(
    transformer: WanTransformer3DModel,
    projections: Mapping[AdapterName, AdapterProjections],
    conditions: ShotConditions,
) -> tuple[BlockKeysValues, ...]:
    """Return every block's keys and values, on the transformer's device and in its number format."""
    like = transformer.patch_embedding.weight
    embedder = transformer.condition_embedder
    text = {role: embedder.text_embedder(_as(tokens, like)[None]) for role, tokens in conditions.text.items()}
    image = embedder.image_embedder(_as(conditions.image_tokens, like)[None])
    bank = tuple(
        BlockKeysValues(
            text={role: _text_keys_values(block.attn2, context) for role, context in text.items()},
            image=_image_keys_values(block.attn2, image),
            adapters={},
        )
        for block in transformer.blocks
    )
    return with_characters(bank, projections, conditions)


@torch.inference_mode()
def with_characters(
    bank: tuple[BlockKeysValues, ...],
    projections: Mapping[AdapterName, AdapterProjections],
    conditions: ShotConditions,
) -> tuple[BlockKeysValues, ...]:
    """Return a bank with the characters of other conditions: texts and image stay, nothing of the
    transformer is needed.
    """
    heads, like = bank[0].image[0].shape[1], bank[0].image[0]
    tokens = {
        name: {label: _as(character.tokens_KD, like) for label, character in characters.items()}
        for name, characters in conditions.adapters.items()
    }
    return tuple(
        replace(
            known,
            adapters={
                name: _of_characters(projections[name], characters, number, heads)
                for name, characters in tokens.items()
            },
        )
        for number, known in enumerate(bank)
    )


def bank_bytes(bank: tuple[BlockKeysValues, ...]) -> int:
    """Return how much memory a bank takes; what is made when it is asked for takes none."""
    tensors: list[torch.Tensor] = []
    for block in bank:
        tensors += [tensor for pair in (*block.text.values(), block.image) for tensor in pair]
        tensors += [t for people in block.adapters.values() for pair in people.kept.values() for t in pair]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def drop_key_value_projections(transformer: WanTransformer3DModel) -> None:
    """Free the cross-attentions' key and value projections; the transformer then works with a bank alone."""
    for block in transformer.blocks:
        for name in ("to_k", "to_v", "add_k_proj", "add_v_proj"):
            setattr(block.attn2, name, None)


def _as(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return tensor.to(device=like.device, dtype=like.dtype)


def _of_characters(
    projections: AdapterProjections, characters: Mapping[int, torch.Tensor], block: int, heads: int
) -> CharacterKeysValues:
    made = {
        label: partial(_of_character, projections, timeline_KD, block, heads)
        for label, timeline_KD in characters.items()
    }
    kept = {label: make() for label, make in made.items() if len(characters[label]) <= MOST_KEPT_TOKENS}
    return CharacterKeysValues(kept, {label: make for label, make in made.items() if label not in kept})


def _of_character(
    projections: AdapterProjections, timeline_KD: torch.Tensor, block: int, heads: int
) -> KeysValues:
    keys_KC, values_KC = projections(timeline_KD, block)
    return with_zero_token(keys_KC, values_KC, heads)


def _text_keys_values(
    attention: WanAttention, context_1LC: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    keys = attention.norm_k(attention.to_k(context_1LC))
    return _by_head(keys, attention.heads), _by_head(attention.to_v(context_1LC), attention.heads)


def _image_keys_values(
    attention: WanAttention, context_1LC: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    keys = attention.norm_added_k(attention.add_k_proj(context_1LC))
    return _by_head(keys, attention.heads), _by_head(attention.add_v_proj(context_1LC), attention.heads)


def _by_head(rows_1LC: torch.Tensor, heads: int) -> torch.Tensor:
    return rows_1LC.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous()
