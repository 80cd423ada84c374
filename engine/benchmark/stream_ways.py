"""Masque's way for a budget of device memory: blocks, keys and values where a plan says, as in a render."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from engine.benchmark.stream_measuring import ReadyWay, Way, token_handling
from engine.benchmark.stream_model import StreamShot, StreamSizes, module_bytes
from engine.benchmark.stream_options import StreamPart
from engine.benchmark.stream_plans import STEPS_OF_A_PASS, BudgetPlan
from engine.memory.block_building import BlockBuilder, BlockPlaces
from engine.memory.block_streamer import BlockStreamer
from engine.memory.copy_lane import CopyLane, copy_lane
from engine.memory.device import limit_this_process
from engine.memory.lending import AtHand, Lender
from engine.planning.buffer_counts import BANK_SLOTS
from engine.planning.shot_cutting import AdapterLoad
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import BankPlace, HostPlace, MemoryPlan
from engine.sampling.guided_velocity import DiffusionModel, GuidedVelocity
from engine.sampling.key_value_bank import (
    BlockKeysValues,
    CastKeysValues,
    embedded_context,
    moved_to,
    shared_keys_values,
)
from engine.sampling.streamed_bank import StreamedBank

_PROCESSOR = torch.device("cpu")


def adapter_loads(shot: StreamShot) -> list[AdapterLoad]:
    """Return what the adapters bring to the shot, as a plan counts it."""
    loads = []
    for name, people in shot.conditions.adapters.items():
        (one,) = people.values()
        tokens, width = one.tokens_KD.shape
        window = one.windows.indices_FL.shape[1]
        loads.append(
            AdapterLoad(name=name, width=width, characters=len(people), tokens=tokens, window=window)
        )
    return loads


def planned_way(shot: StreamShot, sizes: StreamSizes, budget: BudgetPlan, resident: str) -> Way:
    """Return the way for a budget. Where there is no plan, opening it raises UserError with the reason."""
    return Way(
        name=", ".join(filter(None, (f"Masque {_size_text(budget.budget_bytes)}", budget.remark))),
        part=StreamPart.STREAM,
        open=lambda: _planned(shot, sizes, budget),
        reference=resident,
        budget_bytes=budget.budget_bytes,
        plan=budget.plan if isinstance(budget.plan, MemoryPlan) else None,
    )


@contextmanager
def _planned(shot: StreamShot, sizes: StreamSizes, budget: BudgetPlan) -> Iterator[ReadyWay]:
    plan, lane = budget.plan, copy_lane(shot.device)
    if not isinstance(plan, MemoryPlan):
        raise UserError(plan.reason, next_step=" ".join(plan.changes[:1]), code=ErrorCode.OUT_OF_MEMORY)
    with _limited(shot.device, budget.budget_bytes), ExitStack() as opened:
        frame = shot.blocks.frame()
        blocks, shared = _taken_over(shot, frame, plan, lane, opened)
        opened.callback(blocks.close)
        bank = _bank(shot, frame, shared, plan, lane)
        if isinstance(bank, StreamedBank):
            opened.callback(bank.close)
        model = DiffusionModel(
            transformer=frame, projections=shot.projections, blocks=blocks, tokens=token_handling(plan)
        )
        velocity = GuidedVelocity(model, shot.conditions, shot.scales, steps=STEPS_OF_A_PASS, bank=bank)
        yield ReadyWay(
            step=lambda: velocity(shot.latents_16FHW, shot.timestep, 0),
            held_bytes=module_bytes(frame) + blocks.device_bytes + _bank_held_bytes(shot, sizes, plan),
        )


def _taken_over(
    shot: StreamShot, frame: WanTransformer3DModel, plan: MemoryPlan, lane: CopyLane, opened: ExitStack
) -> tuple[BlockStreamer[WanTransformerBlock], list[BlockKeysValues]]:
    """Return the blocks, made one by one into their places, and the keys and values of texts and image."""
    context, shared = embedded_context(frame, shot.conditions), []
    places = _places(plan, opened)
    with BlockBuilder(frame.blocks[0], len(shot.blocks), places=places, lane=lane) as builder:
        for number in range(len(shot.blocks)):
            block = shot.blocks.block(number)
            shared.append(moved_to(shared_keys_values(block, context), _PROCESSOR))
            builder.add(number, block)
        return builder.finished(), shared


def _places(plan: MemoryPlan, opened: ExitStack) -> BlockPlaces:
    is_on_disk = plan.host_place is HostPlace.DISK
    folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="masque-")) if is_on_disk else None
    return BlockPlaces(
        residents=frozenset(plan.resident_blocks),
        slots=plan.slots,
        host_place=plan.host_place,
        storage=plan.storage,
        residents_return=plan.releases_blocks,
        folder=None if folder is None else Path(folder),
        identity=f"random {plan.precision.value} {plan.storage.value}",
    )


def _bank(
    shot: StreamShot,
    frame: WanTransformer3DModel,
    shared: list[BlockKeysValues],
    plan: MemoryPlan,
    lane: CopyLane,
) -> Lender[BlockKeysValues]:
    like, heads = frame.patch_embedding.weight, frame.config.num_attention_heads
    cast = CastKeysValues(shot.projections, shot.conditions, like=like, heads=heads)
    if plan.bank_place is BankPlace.HOST:
        return StreamedBank(shared, cast, lane, pinned=plan.host_place is not HostPlace.PAGEABLE)
    on_device = (moved_to(known, shot.device) for known in shared)
    return AtHand([cast.added_to(known, number) for number, known in enumerate(on_device)])


def _bank_held_bytes(shot: StreamShot, sizes: StreamSizes, plan: MemoryPlan) -> int:
    """Return what of the keys and values lies on the device between two steps."""
    block_count = len(shot.blocks)
    on_device = block_count if plan.bank_place is BankPlace.DEVICE else min(BANK_SLOTS, block_count)
    return sizes.bank_bytes * on_device // block_count


def _size_text(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.3g} GB" if size_bytes >= 10**9 else f"{size_bytes / 1e6:.3g} MB"


@contextmanager
def _limited(device: torch.device, limit_bytes: int) -> Iterator[None]:
    """Let a card refuse this process what goes beyond a limit, for a while."""
    limit_this_process(device, limit_bytes)
    try:
        yield
    finally:
        limit_this_process(device, sys.maxsize)
