"""Why a render does not fit a machine, in one sentence, and what to change: tried out, the best first."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.planning.least_memory import least_memory
from engine.planning.machine import Machine
from engine.planning.plan_limits import device_budget, host_budget
from engine.planning.step_down import NextStep
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import NoPlan

Fits = Callable[[Machine, Workload, NextStep], bool]

_SMALLER = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
_OTHERS_MATTER_BYTES = 300_000_000


def refusal(machine: Machine, workload: Workload, step: NextStep, fits: Fits) -> NoPlan:
    """Return why no plan from a rung on fits, and what would."""
    least = least_memory(machine, workload)
    return NoPlan(
        device=machine.identity.device,
        device_budget_bytes=device_budget(machine),
        least_bytes=least.device_bytes,
        reason=_reason(machine, least.device_bytes, least.host_bytes),
        changes=tuple(_changes(machine, workload, step, fits)),
    )


def _reason(machine: Machine, device_bytes: int, host_bytes: int) -> str:
    budget, host = device_budget(machine), host_budget(machine)
    if device_bytes > budget and not machine.identity.is_processor:
        return (
            f"It needs {_size(device_bytes)} of the card's memory at least, and {_size(budget)} can be used."
        )
    needed = max(host_bytes, device_bytes) if machine.identity.is_processor else host_bytes
    free = min(host, budget) if machine.identity.is_processor else host
    return f"It needs {_size(needed)} of the computer's memory at least, and {_size(free)} can be used."


def _changes(machine: Machine, workload: Workload, step: NextStep, fits: Fits) -> Iterator[str]:
    if _fits_without_others(machine, workload, step, fits):
        yield f"Close other programs that use the graphics card: they take {_size(machine.now.others_bytes)}."
    if machine.now.limit_bytes is not None:
        free = replace(machine, now=replace(machine.now, limit_bytes=None))
        if fits(free, workload, step):
            yield "Allow Masque more of the device's memory."
    size = _fitting_size(machine, workload, step, fits)
    if size is not None:
        yield f"Choose a smaller size, for example {size[0]}x{size[1]}."
    fewer = _fewer_characters(workload)
    if fewer is not None and fits(machine, fewer, step):
        yield "Render fewer characters in one scene."
    for precision in (Precision.BFLOAT16, Precision.FLOAT16):
        narrow = replace(workload, precision=precision)
        is_wide = workload.precision in (Precision.FLOAT32, Precision.AUTO) and machine.identity.is_processor
        if (is_wide or workload.precision is Precision.FLOAT32) and fits(machine, narrow, step):
            yield f"Choose the precision {precision.value}."
            break


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


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
