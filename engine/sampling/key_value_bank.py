"""Keys and values of every cross-attention, computed once for a shot: none of them depends on the step.

After that the projections that made them (`to_k`, `to_v`, `add_k_proj`, `add_v_proj` of each block: a quarter
of the transformer's parameters at 14 B) need not be on the device any more.

A character's tokens are the exception where there are more of them than one pass can see: a minute of
expression would take 29 GB at 14 B. They are projected anew whenever a block needs them; for a minute that is
under 4 % of a forward at 832x480.

Shapes: L tokens of a context, K tokens on a character's timeline, H heads of width W.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttention, WanTransformerBlock

from engine.networks.adapter_attention import KeysValues, with_zero_token
from engine.networks.adapter_projections import AdapterProjections
from engine.planning.adapter_names import AdapterName
from engine.planning.character_tokens import MOST_KEPT_TOKENS
from engine.planning.guidance import TextRole
from engine.sampling.conditions import ShotConditions

_KINDS = ("keys", "values")


class CharacterKeysValues(Mapping[int, KeysValues]):
    """One block's keys and values of each character: kept, or made when they are asked for."""

    def __init__(self, kept: Mapping[int, KeysValues], made: Mapping[int, Callable[[], KeysValues]]) -> None:
        self.kept = kept
        self._made = made

    def with_kept(self, kept: Mapping[int, KeysValues]) -> "CharacterKeysValues":
        """Return the same with other tensors for those that are kept."""
        return CharacterKeysValues(kept, self._made)

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedContext:
    """Texts and image as the blocks read them, [1, L, C] on the transformer's device."""

    text: Mapping[TextRole, torch.Tensor]
    image: torch.Tensor


@torch.inference_mode()
def embedded_context(transformer: WanTransformer3DModel, conditions: ShotConditions) -> EmbeddedContext:
    """Return texts and image embedded; of the transformer no block is needed."""
    like, embedder = transformer.patch_embedding.weight, transformer.condition_embedder
    return EmbeddedContext(
        text={
            role: embedder.text_embedder(_as(tokens, like)[None]) for role, tokens in conditions.text.items()
        },
        image=embedder.image_embedder(_as(conditions.image_tokens, like)[None]),
    )


@torch.inference_mode()
def shared_keys_values(block: WanTransformerBlock, context: EmbeddedContext) -> BlockKeysValues:
    """Return a block's keys and values of texts and image, of nobody yet. The block lies on their device."""
    return BlockKeysValues(
        text={role: _text_keys_values(block.attn2, tokens) for role, tokens in context.text.items()},
        image=_image_keys_values(block.attn2, context.image),
        adapters={},
    )


def key_value_bank(
    transformer: WanTransformer3DModel,
    projections: Mapping[AdapterName, AdapterProjections],
    conditions: ShotConditions,
) -> tuple[BlockKeysValues, ...]:
    """Return every block's keys and values, on the transformer's device and in its number format."""
    context = embedded_context(transformer, conditions)
    bank = tuple(shared_keys_values(block, context) for block in transformer.blocks)
    return with_characters(bank, projections, conditions)


def with_characters(
    bank: Sequence[BlockKeysValues],
    projections: Mapping[AdapterName, AdapterProjections],
    conditions: ShotConditions,
) -> tuple[BlockKeysValues, ...]:
    """Return a bank with the characters of other conditions: texts and image stay, nothing of the
    transformer is needed.
    """
    keys_1HLW = bank[0].image[0]
    cast = CastKeysValues(projections, conditions, like=keys_1HLW, heads=keys_1HLW.shape[1])
    return tuple(cast.added_to(known, number) for number, known in enumerate(bank))


class CastKeysValues:
    """The keys and values of a shot's characters, block by block."""

    def __init__(
        self,
        projections: Mapping[AdapterName, AdapterProjections],
        conditions: ShotConditions,
        *,
        like: torch.Tensor,
        heads: int,
    ) -> None:
        """`like`: any tensor on the device and in the number format to use; `heads` of the transformer."""
        self._projections = projections
        self._heads = heads
        self._tokens = {
            name: {label: _as(character.tokens_KD, like) for label, character in characters.items()}
            for name, characters in conditions.adapters.items()
        }

    @torch.inference_mode()
    def added_to(self, known: BlockKeysValues, number: int) -> BlockKeysValues:
        """Return a block's keys and values with those of the characters instead of any there were."""
        return replace(
            known,
            adapters={
                name: _of_characters(self._projections[name], characters, number, self._heads)
                for name, characters in self._tokens.items()
            },
        )


def kept_tensors(known: BlockKeysValues) -> dict[str, torch.Tensor]:
    """Return the tensors of a block's keys and values by name; what is made when it is asked for is none."""
    pairs = {f"text.{role.value}": pair for role, pair in known.text.items()}
    pairs["image"] = known.image
    for name, people in known.adapters.items():
        pairs |= {f"adapters.{name.value}.{label}": pair for label, pair in people.kept.items()}
    return {
        f"{key}.{kind}": tensor
        for key, pair in pairs.items()
        for kind, tensor in zip(_KINDS, pair, strict=True)
    }


def with_kept_tensors(known: BlockKeysValues, tensors: Mapping[str, torch.Tensor]) -> BlockKeysValues:
    """Return a block's keys and values with other tensors of the same names (on the device, say)."""

    def pair(key: str) -> KeysValues:
        return tensors[f"{key}.{_KINDS[0]}"], tensors[f"{key}.{_KINDS[1]}"]

    return BlockKeysValues(
        text={role: pair(f"text.{role.value}") for role in known.text},
        image=pair("image"),
        adapters={
            name: people.with_kept({label: pair(f"adapters.{name.value}.{label}") for label in people.kept})
            for name, people in known.adapters.items()
        },
    )


def moved_to(known: BlockKeysValues, device: torch.device) -> BlockKeysValues:
    """Return a block's keys and values with its tensors on a device."""
    return with_kept_tensors(known, {name: tensor.to(device) for name, tensor in kept_tensors(known).items()})


def bank_bytes(bank: Sequence[BlockKeysValues]) -> int:
    """Return how much memory a bank takes; what is made when it is asked for takes none."""
    return sum(tensor.nbytes for known in bank for tensor in kept_tensors(known).values())


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
