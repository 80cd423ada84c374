"""A transformer of random weights that is made block by block, the same each time, and a shot for it.

Every block has a seed of its own: it can be made again, alone and in any order, so that each way of keeping
them has the same weights and the model is never in memory twice. Blocks are made where they compute.

Shapes: latents are [16, F, h, w].
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformerBlock
from torch import nn

from engine.benchmark.step_model import (
    adapter_names,
    early_timestep,
    fill_randomly,
    parameter_count,
    random_conditions,
    random_latents,
    random_projections,
    transformer_without_weights,
)
from engine.benchmark.step_options import StepOptions
from engine.memory.block_modules import USED_ONCE
from engine.networks.adapter_projections import AdapterProjections
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import GuidanceScales
from engine.sampling.conditions import ShotConditions
from engine.sampling.key_value_bank import (
    BlockKeysValues,
    EmbeddedContext,
    bank_bytes,
    embedded_context,
    shared_keys_values,
    with_characters,
)

_PROCESSOR = torch.device("cpu")
_FRAME_SEED, _SHOT_SEED, _FIRST_BLOCK_SEED = 21, 22, 100
_DRIVEN = {AdapterName.EXPRESSION: 1, AdapterName.VOICE: 2}
"""Which character a clip drives, and which one a voice."""


class RandomBlocks:
    """Gives a transformer's frame and its blocks, each on the device where they compute."""

    def __init__(self, options: StepOptions, device: torch.device, dtype: torch.dtype) -> None:
        self._empty = transformer_without_weights(options, dtype)
        self._device = device
        self.number_format = dtype
        """Of what is computed with the weights."""

    def __len__(self) -> int:
        """Return how many blocks there are."""
        return len(self._empty.blocks)

    def frame(self) -> WanTransformer3DModel:
        """Return the network with everything but its blocks, which are on the meta device."""
        model = deepcopy(self._empty)
        blocks, model.blocks = model.blocks, nn.ModuleList()
        fill_randomly(model, self._device, torch.Generator(self._device).manual_seed(_FRAME_SEED))
        model.blocks = blocks
        return model.eval()

    def block(self, number: int) -> WanTransformerBlock:
        """Return one block on the device."""
        block = deepcopy(self._empty.blocks[number])
        generator = torch.Generator(self._device).manual_seed(_FIRST_BLOCK_SEED + number)
        fill_randomly(block, self._device, generator)
        return block.eval()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StreamShot:
    """What all ways compute: one guided step of a shot with one clip-driven and one voice-driven character.

    `projections` of the adapters are on the processor, everything of the shot on the device.
    """

    blocks: RandomBlocks
    projections: dict[AdapterName, AdapterProjections]
    conditions: ShotConditions
    scales: GuidanceScales
    latents_16FHW: torch.Tensor
    timestep: torch.Tensor
    device: torch.device


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeTransformer:
    """A transformer with all its blocks at some place, and the keys and values on the device."""

    frame: WanTransformer3DModel
    blocks: list[WanTransformerBlock] = field(repr=False)
    bank: tuple[BlockKeysValues, ...] = field(repr=False)


def stream_shot(options: StepOptions, device: torch.device, dtype: torch.dtype) -> StreamShot:
    """Return a model in `dtype` and a shot for it, the same each time."""
    generator = torch.Generator(device).manual_seed(_SHOT_SEED)
    projections = {
        name: random_projections(options, device, dtype, generator).to(_PROCESSOR)
        for name in adapter_names(options)
    }
    everybody = random_conditions(options, device, generator)
    driven = {name: {_DRIVEN[name]: people[_DRIVEN[name]]} for name, people in everybody.adapters.items()}
    return StreamShot(
        blocks=RandomBlocks(options, device, dtype),
        projections=projections,
        conditions=replace(everybody, adapters=driven),
        scales=GuidanceScales(text=options.text_guidance, adapters=options.adapter_guidance),
        latents_16FHW=random_latents(options, device, generator),
        timestep=early_timestep(device),
        device=device,
    )


def whole_transformer(shot: StreamShot, home: torch.device) -> WholeTransformer:
    """Return all blocks at `home` and what they need beside them on the device.

    Of a block the projections that make keys and values are dropped once these are there.
    """
    frame = shot.blocks.frame()
    shared, blocks = [], []
    for known, block in _used_once(shot, embedded_context(frame, shot.conditions)):
        shared.append(known)
        blocks.append(block.to(home))
    bank = with_characters(shared, shot.projections, shot.conditions)
    return WholeTransformer(frame=frame, blocks=blocks, bank=bank)


def untouched_transformer(shot: StreamShot, home: torch.device) -> WanTransformer3DModel:
    """Return the transformer as diffusers has it, all of it at `home`."""
    model = shot.blocks.frame()
    model.blocks = nn.ModuleList()
    model.to(home)
    model.blocks.extend(shot.blocks.block(number).to(home) for number in range(len(shot.blocks)))
    return model


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSizes:
    """Bytes that any way keeps somewhere: the frame, all blocks without what is used once, keys and values.

    `parameters` of the whole transformer, `adapter_parameters` of the projections.
    """

    frame_bytes: int
    blocks_bytes: int
    bank_bytes: int
    parameters: int
    adapter_parameters: int


def stream_sizes(shot: StreamShot) -> StreamSizes:
    """Return the sizes; one block is made for them."""
    frame = shot.blocks.frame()
    known, block = next(_used_once(shot, embedded_context(frame, shot.conditions)))
    return StreamSizes(
        frame_bytes=module_bytes(frame),
        blocks_bytes=len(shot.blocks) * module_bytes(block),
        bank_bytes=len(shot.blocks) * bank_bytes(with_characters([known], shot.projections, shot.conditions)),
        parameters=parameter_count(frame),
        adapter_parameters=parameter_count(*shot.projections.values()),
    )


def module_bytes(module: nn.Module) -> int:
    """Return how much memory a module's weights and buffers take, as far as they are there."""
    tensors = (*module.parameters(), *module.buffers())
    return sum(tensor.nbytes for tensor in tensors if not tensor.is_meta)


def _used_once(
    shot: StreamShot, context: EmbeddedContext
) -> Iterator[tuple[BlockKeysValues, WanTransformerBlock]]:
    """Yield each block's keys and values of texts and image, and the block without what made them."""
    for number in range(len(shot.blocks)):
        block = shot.blocks.block(number)
        known = shared_keys_values(block, context)
        for name in USED_ONCE:
            setattr(block.attn2, name, None)
        yield known, block
