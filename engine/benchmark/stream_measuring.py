"""One way of keeping the blocks, measured: loading, the first step, those after it."""

import gc
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median

import torch

from engine.benchmark.memory_watch import watched
from engine.benchmark.stream_host import HostWatch, give_back_freed_memory
from engine.benchmark.stream_options import StreamPart
from engine.benchmark.stream_records import StreamMeasures
from engine.memory.device import peak_memory_bytes, release_cached_memory, reset_peak_memory, wait_for
from engine.protocol.memory_plan import MemoryPlan
from engine.sampling.lockstep import TokenHandling

_PROCESSOR = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadyWay:
    """A way whose step can be computed.

    `step` returns the guided velocity. `held_bytes`: what its tensors on the device take between two steps,
    for a device that does not count by itself; None where nothing can be said of it. `handled`: the result,
    not timed, of other ways to let tokens go through the layers, which change its last bits.
    """

    step: Callable[[], torch.Tensor]
    held_bytes: int | None
    handled: Callable[[], Mapping[TokenHandling, torch.Tensor]] = dict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """A way to measure. `open` loads it and lets it go; `reference` names the way it is compared with."""

    name: str
    part: StreamPart
    open: Callable[[], AbstractContextManager[ReadyWay]]
    reference: str | None
    budget_bytes: int | None = None
    plan: MemoryPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a way took, and what its first and its last step gave, on the processor; `handled` as of it."""

    measures: StreamMeasures
    first: torch.Tensor
    last: torch.Tensor
    handled: Mapping[TokenHandling, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """Seconds on the clock, and of all threads together."""

    clock_s: float
    processor_s: float


def measure_way(way: Way, device: torch.device, *, repeats: int) -> Found:
    """Load a way, compute 1 + `repeats` steps, and one more where the device does not count its memory.

    Raises what the way raises.
    """
    gc.collect()
    give_back_freed_memory()
    release_cached_memory(device)
    wait_for(device)
    with HostWatch() as host:
        started_s = time.perf_counter()
        with way.open() as ready:
            wait_for(device)
            loading_s, loading_host = time.perf_counter() - started_s, host.most_since()
            reset_peak_memory(device)
            first, first_spent = _timed(ready.step, device)
            last, runs = first, []
            for _ in range(repeats):
                last, spent = _timed(ready.step, device)
                runs.append(spent)
            step_host = host.most_since()
            peak = _peak(ready, device)
            handled = {how: found.to(_PROCESSOR) for how, found in ready.handled().items()}
    runs_s = tuple(run.clock_s for run in runs)
    measures = StreamMeasures(
        loading_s=loading_s,
        first_s=first_spent.clock_s,
        runs_s=runs_s,
        best_s=min(runs_s),
        median_s=median(runs_s),
        processor_s=min(run.processor_s for run in runs),
        peak_bytes=peak,
        loading_host_bytes=loading_host,
        step_host_bytes=step_host,
    )
    return Found(measures=measures, first=first, last=last, handled=handled)


def _peak(ready: ReadyWay, device: torch.device) -> int | None:
    counted = peak_memory_bytes(device)
    if counted is not None or ready.held_bytes is None:
        return counted
    return watched(device, ready.step, held_bytes=ready.held_bytes)[1]


def _timed(step: Callable[[], torch.Tensor], device: torch.device) -> tuple[torch.Tensor, _Spent]:
    wait_for(device)
    started_s, processor_s = time.perf_counter(), time.process_time()
    result = step()
    wait_for(device)
    spent = _Spent(clock_s=time.perf_counter() - started_s, processor_s=time.process_time() - processor_s)
    return result.to(_PROCESSOR), spent
