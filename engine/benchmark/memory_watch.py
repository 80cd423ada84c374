"""The most memory that tensors take while something is computed.

A graphics card counts by itself. On the processor torch's profiler notes every block its allocator gives and
takes back, the temporary ones inside an operation too (a mode that watches the operations' results would
miss those), and none of it needs the process's size, which holds on to freed memory. Watching slows the
work down: never time it.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch.profiler import ProfilerActivity, profile

from engine.memory.device import peak_memory_bytes, release_cached_memory, reset_peak_memory, wait_for

_Result = TypeVar("_Result")


def watched(device: torch.device, work: Callable[[], _Result], *, held_bytes: int) -> tuple[_Result, int]:
    """Do the work; return its result and the most memory that tensors took meanwhile.

    `held_bytes`: what was there before and counts (weights, say); a card that counts by itself counts all
    that is there.
    """
    release_cached_memory(device)
    reset_peak_memory(device)
    if peak_memory_bytes(device) is None:
        result, peak = _watched_on_processor(work)
        return result, held_bytes + peak
    result = work()
    wait_for(device)
    return result, peak_memory_bytes(device) or 0


def _watched_on_processor(work: Callable[[], _Result]) -> tuple[_Result, int]:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = work()
    with tempfile.TemporaryDirectory(prefix="masque-benchmark-") as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text("utf-8"))["traceEvents"]
    return result, peak_of_trace([event for event in events if event.get("name") == "[memory]"])


def peak_of_trace(events: Iterable[Mapping[str, object]]) -> int:
    """Return the highest sum of blocks that were given; blocks from before are taken back unheeded."""
    given: dict[object, int] = {}
    taken = peak = 0
    for event in sorted(events, key=lambda event: float(str(event["ts"]))):
        block = event["args"]
        if not isinstance(block, Mapping):
            continue
        size = int(block["Bytes"])
        if size > 0:
            given[block["Addr"]] = size
            taken += size
        else:
            taken -= given.pop(block["Addr"], 0)
        peak = max(peak, taken)
    return peak
