"""Why a render does not fit a machine, in one sentence, and what to change: tried out, the best first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import ceil, floor

from engine.planning.least_memory import LeastMemory, least_memory
from engine.planning.machine import Machine
from engine.planning.plan_limits import DISK_RESERVE_BYTES, device_budget, host_budget
from engine.planning.step_down import NextStep
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import Concession, NoPlan, PlanChange

Fits = Callable[[Machine, Workload, NextStep], bool]

_SMALLER = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
_FEWEST_FRAMES = 9
"""Fewer than these are no advice."""
_OTHERS_MATTER_BYTES = 300_000_000


def refusal(
    machine: Machine, workload: Workload, step: NextStep, fits: Fits, *, rungs: Sequence[Concession]
) -> NoPlan:
    """Return why no plan of these rungs fits, and what would."""
    least = least_memory(machine, workload, rungs)
    changes = tuple(_changes(machine, workload, step, fits, least))
    return NoPlan(
        device=machine.identity.device,
        device_budget_bytes=device_budget(machine),
        least_bytes=least.device_bytes,
        reason=_reason(machine, least),
        changes=tuple(change.sentence for change in changes),
        settable=tuple(change for change in changes if change.size or change.precision),
    )


def _reason(machine: Machine, least: LeastMemory) -> str:
    """Return what is short: the device, else the host, else the disk that stands in for it."""
    budget, host = device_budget(machine), host_budget(machine)
    if least.device_bytes > budget:
        whose = "computer" if machine.identity.is_processor else "card"
        return _short(least.device_bytes, f"the {whose}'s memory", budget)
    if least.host_bytes > host:
        return _short(least.host_bytes, "the computer's memory", host)
    lacking = _lacking_on_disk(machine, least)
    if lacking > 0:
        free = machine.now.disk_free_bytes or 0
        return (
            "The computer's memory cannot hold its weights, and on the disk they take "
            f"{_at_least(lacking + free)}, where {_at_most(free)} are free."
        )
    return "No way was found to fit it into this machine's memory."


def _short(needed: int, whose: str, free: int) -> str:
    return f"It needs {_at_least(needed)} of {whose} at least, and {_at_most(free)} can be used."


def _lacking_on_disk(machine: Machine, least: LeastMemory) -> int:
    """Return how much has to become free on the disk."""
    free = machine.now.disk_free_bytes
    return least.disk_bytes + DISK_RESERVE_BYTES - free if least.disk_bytes and free is not None else 0


def _changes(
    machine: Machine, workload: Workload, step: NextStep, fits: Fits, least: LeastMemory
) -> Iterator[PlanChange]:
    lacking = _lacking_on_disk(machine, least)
    if lacking > 0 and fits(replace(machine, now=replace(machine.now, disk_free_bytes=None)), workload, step):
        free = f"Free {_at_least(lacking)} on the disk where Masque keeps its cache."
        yield PlanChange(sentence=free)
    if _fits_without_others(machine, workload, step, fits):
        taken = _at_most(machine.now.others_bytes)
        yield PlanChange(sentence=f"Close other programs that use the graphics card: they take {taken}.")
    if machine.now.limit_bytes is not None:
        unlimited = replace(machine, now=replace(machine.now, limit_bytes=None))
        if fits(unlimited, workload, step):
            yield PlanChange(sentence="Allow Masque more of the memory: set MASQUE_DEVICE_MEMORY higher.")
    yield from _smaller_and_shorter(machine, workload, step, fits)
    fewer = _fewer_characters(workload)
    if fewer is not None and fits(machine, fewer, step):
        yield PlanChange(sentence="Render fewer characters in one scene.")
    for precision in (Precision.BFLOAT16, Precision.FLOAT16):
        narrow = replace(workload, precision=precision)
        is_wide = workload.precision in (Precision.FLOAT32, Precision.AUTO) and machine.identity.is_processor
        if (is_wide or workload.precision is Precision.FLOAT32) and fits(machine, narrow, step):
            yield PlanChange(sentence=f"Choose the precision {precision.value}.", precision=precision)
            break


def _smaller_and_shorter(
    machine: Machine, workload: Workload, step: NextStep, fits: Fits
) -> Iterator[PlanChange]:
    """Yield a smaller size and fewer frames where they help; for a shot of many passes the latter first."""
    smaller, shorter = [], []
    size = _fitting_size(machine, workload, step, fits)
    if size is not None:
        sentence = f"Choose a smaller size, for example {size[0]}x{size[1]}."
        smaller = [PlanChange(sentence=sentence, size=size)]
    frames = _fitting_frames(machine, workload, step, fits)
    if frames is not None:
        shorter = [PlanChange(sentence=f"Render fewer frames, for example {frames}.")]
    is_long = workload.segment.pieces > 1 or workload.segment.windows > 1
    yield from (*shorter, *smaller) if is_long else (*smaller, *shorter)


def _fits_without_others(machine: Machine, workload: Workload, step: NextStep, fits: Fits) -> bool:
    now = machine.now
    if now.others_bytes < _OTHERS_MATTER_BYTES or machine.identity.is_processor:
        return False
    alone = replace(now, device_free_bytes=now.device_free_bytes + now.others_bytes, others_bytes=0)
    return fits(replace(machine, now=alone), workload, step)


def _fitting_size(machine: Machine, workload: Workload, step: NextStep, fits: Fits) -> tuple[int, int] | None:
    """Return the largest of some smaller sizes of the same shape that fits, found by trying."""
    for share in _SMALLER:
        smaller = workload.at_size(
            max(16, int(workload.model_width * share)), max(16, int(workload.model_height * share))
        )
        if smaller.frame_tokens < workload.frame_tokens and fits(machine, smaller, step):
            return smaller.model_width, smaller.model_height
    return None


def _fitting_frames(machine: Machine, workload: Workload, step: NextStep, fits: Fits) -> int | None:
    """Return how many frames fit, of half as many, a quarter and so on; tried only where the fewest do."""
    if workload.frame_count <= _FEWEST_FRAMES or not fits(machine, workload.at_frames(_FEWEST_FRAMES), step):
        return None
    count = workload.frame_count // 2
    while count > _FEWEST_FRAMES and not fits(machine, workload.at_frames(count), step):
        count //= 2
    return max(count, _FEWEST_FRAMES)


def _fewer_characters(workload: Workload) -> Workload | None:
    """Return the render with one character for each adapter, None where there are no more."""
    if all(load.characters <= 1 for load in workload.segment.adapters):
        return None
    segments = tuple(
        replace(
            segment,
            adapters=tuple(replace(load, characters=1, own_of_frame=0.0) for load in segment.adapters),
        )
        for segment in workload.segments
    )
    return replace(workload, segments=segments)


def _at_least(count: int) -> str:
    """Return a size that is needed, rounded up: it is never told as equal to what is free."""
    return f"{ceil(count / 1e8) / 10:.1f} GB" if count >= 1e9 else f"{ceil(count / 1e6)} MB"


def _at_most(count: int) -> str:
    return f"{floor(count / 1e8) / 10:.1f} GB" if count >= 1e9 else f"{floor(count / 1e6)} MB"
