"""How fast host memory reaches the device, pinned and not, and how much of it may be pinned.

Shapes: B bytes.
"""

import time

import torch

from engine.memory.device import is_driven_by_windows, wait_for
from engine.memory.host_buffer import HostBuffer
from engine.memory.host_memory import host_memory
from engine.weights.memory_shortage import is_memory_shortage

_COPIED_BYTES = 256 * 2**20
_LEAST_COPIED_BYTES = 2**20
_REPEATS = 4
_TRIED_BYTES = 2**30
_HOST_RESERVE_BYTES = 4 * 10**9
_LEAST_RESERVE_SHARE = 4


def transfer_rate(device: torch.device, *, pinned: bool, most_bytes: int = _COPIED_BYTES) -> float | None:
    """Return how many bytes a second go from host memory to the device: the best of four copies.

    On the processor they are copied from one place to another. On a device or a host with little memory less
    than 256 MiB is copied. None where not even 1 MiB can be had, or pinned.
    """
    size = most_bytes
    while size >= _LEAST_COPIED_BYTES:
        try:
            return _copy_rate(device, size, pinned=pinned)
        except (RuntimeError, MemoryError, OSError) as error:
            if not is_memory_shortage(error):
                raise
        size //= 2
    return None


def pinnable_bytes(device: torch.device, *, tried_bytes: int = _TRIED_BYTES) -> int:
    """Return how much host memory may be pinned for transfers; 0 without a card or where pinning fails.

    Pinned memory is nobody else's: 4 GB, or a quarter of a smaller host, stay free of it. Under Windows and
    in its subsystem for Linux none is: drivers there count it against the card, refuse it after 1 to 28 GB
    by no rule that could be asked for, and sometimes refuse all of it from then on.
    """
    if device.type == "cpu" or is_driven_by_windows():
        return 0
    memory = host_memory()
    if not _can_pin(device, min(tried_bytes, memory.free_bytes // 4)):
        return 0
    return memory.total_bytes - min(_HOST_RESERVE_BYTES, memory.total_bytes // _LEAST_RESERVE_SHARE)


def _copy_rate(device: torch.device, size: int, *, pinned: bool) -> float | None:
    source = HostBuffer(size, pin_for=device if pinned else None)
    source.bytes_B.fill_(1)  # the system lends memory when it is first written to
    target_B = torch.zeros(size, dtype=torch.uint8, device=device)
    seconds = min(_copy_seconds(source.bytes_B, target_B) for _ in range(_REPEATS))
    return size / seconds if source.pinned == pinned else None


def _copy_seconds(source_B: torch.Tensor, target_B: torch.Tensor) -> float:
    wait_for(target_B.device)
    start = time.perf_counter()
    target_B.copy_(source_B, non_blocking=True)
    wait_for(target_B.device)
    return time.perf_counter() - start


def _can_pin(device: torch.device, size: int) -> bool:
    try:
        return HostBuffer(size, pin_for=device).pinned
    except (OSError, MemoryError):
        return False
