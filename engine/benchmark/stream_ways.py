"""Masque's way for a budget of device memory: blocks, keys and values where a plan says, as in a render."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch

from engine.benchmark.stream_measuring import ReadyWay, Way
from engine.benchmark.stream_model import StreamShot, StreamSizes, module_bytes
from engine.benchmark.stream_options import StreamPart
from engine.benchmark.stream_plans import STEPS_OF_A_PASS, BudgetPlan
from engine.memory.device import limit_this_process
from engine.planning.buffer_counts import BANK_SLOTS
from engine.planning.shot_cutting import AdapterLoad
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import BankPlace, HostPlace, MemoryPlan
from engine.sampling.guided_velocity import GuidedVelocity
from engine.sampling.planned_transformer import PlannedTransformer, TransformerLoading


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
    plan = budget.plan
    if not isinstance(plan, MemoryPlan):
        raise UserError(plan.reason, next_step=" ".join(plan.changes[:1]), code=ErrorCode.OUT_OF_MEMORY)
    with _limited(shot.device, budget.budget_bytes), _block_folder(plan) as folder:
        loading = TransformerLoading(
            source=shot.blocks,
            weights="random",
            plan=plan,
            device=shot.device,
            projections=shot.projections,
            conditions=shot.conditions,
            folder=folder,
        )
        with closing(PlannedTransformer(loading, check=_nothing_ends_it)) as transformer:
            model, bank = transformer.model, transformer.bank(shot.conditions)
            velocity = GuidedVelocity(model, shot.conditions, shot.scales, steps=STEPS_OF_A_PASS, bank=bank)
            held_bytes = module_bytes(model.transformer) + transformer.device_bytes
            yield ReadyWay(
                step=lambda: velocity(shot.latents_16FHW, shot.timestep, 0),
                held_bytes=held_bytes + _bank_held_bytes(shot, sizes, plan),
            )


def _nothing_ends_it() -> None:
    """Let the loading go on: nobody stops a measurement but by ending the process."""


@contextmanager
def _block_folder(plan: MemoryPlan) -> Iterator[Path | None]:
    """Lend a folder for blocks that wait on the disk, where the plan has such."""
    if plan.host_place is not HostPlace.DISK:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="masque-") as folder:
        yield Path(folder)


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
