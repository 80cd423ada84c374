"""The transformer in memory as a plan says: block by block out of its files, never twice as a whole."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformerBlock
from torch import nn

from engine.memory.block_building import BlockBuilder, BlockPlaces
from engine.memory.block_modules import USED_ONCE
from engine.memory.copy_lane import copy_lane
from engine.memory.device import torch_dtype
from engine.memory.lending import AtHand, Lender
from engine.networks.adapter_projections import AdapterProjections
from engine.planning.adapter_names import AdapterName
from engine.protocol.memory_plan import BankPlace, HostPlace, MemoryPlan
from engine.sampling.conditions import ShotConditions
from engine.sampling.guided_velocity import DiffusionModel
from engine.sampling.key_value_bank import (
    BlockKeysValues,
    CastKeysValues,
    EmbeddedContext,
    embedded_context,
    moved_to,
    shared_keys_values,
)
from engine.sampling.lockstep import TokenHandling
from engine.sampling.streamed_bank import StreamedBank

_PROCESSOR = torch.device("cpu")
_USED_FOR_KEYS = (*USED_ONCE, "norm_k", "norm_added_k")


class TransformerSource(Protocol):
    """What gives a transformer piece by piece, its weights where the source has them."""

    def __len__(self) -> int:
        """Return how many blocks there are."""

    def frame(self) -> WanTransformer3DModel:
        """Return the network with everything but its blocks, which have no weights."""

    def block(self, number: int) -> WanTransformerBlock:
        """Return one block with its weights, each time anew."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransformerLoading:
    """What is loaded, for which shot, and where it goes.

    `weights` names them and all that was done to them; `folder`: where blocks lie that wait on the disk, for
    a plan that has such. `projections` of the adapters may be on any device, `conditions` of the whole shot
    are where it computes.
    """

    source: TransformerSource
    weights: str
    plan: MemoryPlan
    device: torch.device
    projections: Mapping[AdapterName, AdapterProjections]
    conditions: ShotConditions
    folder: Path | None = None

    @property
    def places(self) -> BlockPlaces:
        """Where the plan has the blocks."""
        plan = self.plan
        return BlockPlaces(
            residents=frozenset(plan.resident_blocks),
            slots=plan.slots,
            host_place=plan.host_place,
            storage=plan.storage,
            residents_return=plan.releases_blocks,
            folder=self.folder,
            identity=f"{self.weights} {plan.precision.value} {plan.storage.value}",
        )


def token_handling(plan: MemoryPlan) -> TokenHandling:
    """Return how a plan lets tokens go through the layers."""
    return TokenHandling(piece_tokens=plan.piece_tokens, dtype=torch_dtype(plan.token_precision))


class PlannedTransformer:
    """A transformer ready to denoise a shot.

    While its blocks are read, the keys and values of texts and image are made of them and wait on the host;
    the projections that make them are dropped. `check` is called before each block; what it raises ends the
    loading. `getting_on` is entered for what takes long and cannot tell how far it is. Raises UserError for
    weights that cannot be used, MemoryError or torch's own error where memory runs out.
    """

    def __init__(
        self,
        loading: TransformerLoading,
        *,
        check: Callable[[], None],
        getting_on: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._plan, self._device, self._projections = loading.plan, loading.device, loading.projections
        self._getting_on = getting_on
        self._lane = copy_lane(loading.device)
        self._bank: Lender[BlockKeysValues] | None = None
        self._is_released = False
        self._shared: list[BlockKeysValues] = []
        source = loading.source
        frame = source.frame()
        _bring_frame(frame, loading.device)
        check()
        first = source.block(0)
        with BlockBuilder(first, len(source), places=loading.places, lane=self._lane) as builder:
            context = embedded_context(frame, loading.conditions)
            self._take_over(first, builder, context)
            for number in range(1, len(source)):
                check()
                self._take_over(source.block(number), builder, context)
            with getting_on():
                self._blocks = builder.finished()
        self.model = DiffusionModel(
            transformer=frame,
            projections=loading.projections,
            blocks=self._blocks,
            tokens=token_handling(loading.plan),
        )

    @property
    def device_bytes(self) -> int:
        """How much of the device's memory the blocks take now."""
        return self._blocks.device_bytes

    def bank(self, conditions: ShotConditions) -> Lender[BlockKeysValues]:
        """Return keys and values for a pass under these conditions; those of the pass before are let go."""
        self._let_bank_go()
        self._refill()
        frame = self.model.transformer
        heads = frame.config.num_attention_heads
        cast = CastKeysValues(self._projections, conditions, like=frame.patch_embedding.weight, heads=heads)
        if self._plan.bank_place is BankPlace.HOST:
            pinned = self._plan.host_place is not HostPlace.PAGEABLE
            self._bank = StreamedBank(self._shared, cast, self._lane, pinned=pinned)
        else:
            self._bank = AtHand(
                [
                    cast.added_to(moved_to(known, self._device), number)
                    for number, known in enumerate(self._shared)
                ]
            )
        return self._bank

    def make_room(self) -> None:
        """Give the device's memory to what works between two passes, as far as the plan needs it."""
        self._let_bank_go()
        if self._plan.releases_blocks:
            self._blocks.release()
            self._is_released = True

    def close(self) -> None:
        """Let everything go."""
        self._shared.clear()
        try:
            self._let_bank_go()
        finally:
            self._blocks.close()

    def _take_over(self, block: WanTransformerBlock, builder: BlockBuilder, context: EmbeddedContext) -> None:
        """Take the block over that comes next; of what makes keys and values only these are left."""
        _bring_what_makes_keys(block, self._device)
        number = len(self._shared)
        self._shared.append(moved_to(shared_keys_values(block, context), _PROCESSOR))
        builder.add(number, block)

    def _refill(self) -> None:
        if self._is_released:
            with self._getting_on():
                self._blocks.refill()
            self._is_released = False

    def _let_bank_go(self) -> None:
        if isinstance(self._bank, StreamedBank):
            self._bank.close()
        self._bank = None


def _bring_frame(frame: WanTransformer3DModel, device: torch.device) -> None:
    """Bring a transformer to the device all but its blocks, which have no weights."""
    for name, child in frame.named_children():
        if name != "blocks":
            child.to(device)
    frame.scale_shift_table.data = frame.scale_shift_table.data.to(device)


def _bring_what_makes_keys(block: WanTransformerBlock, device: torch.device) -> None:
    """Bring to the device what makes keys and values of texts and image, and nothing else of the block."""
    for name in _USED_FOR_KEYS:
        module: nn.Module = getattr(block.attn2, name)
        module.to(device)
