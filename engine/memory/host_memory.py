"""The host's memory as this process may use it: in a container that is less than the machine has."""

import sys
from dataclasses import dataclass

import psutil

from engine.memory.control_groups import GroupMemory, group_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMemory:
    """Host memory in bytes: in all, and free now (what the system would give back counts as free)."""

    total_bytes: int
    free_bytes: int


def host_memory() -> HostMemory:
    """Return what this process may use of the host's memory: the machine's, or less by its control groups."""
    machine = psutil.virtual_memory()
    groups = group_memory() if sys.platform == "linux" else ()
    return least_memory(HostMemory(total_bytes=machine.total, free_bytes=machine.available), groups)


def least_memory(machine: HostMemory, groups: tuple[GroupMemory, ...]) -> HostMemory:
    """Return what a machine and the groups around a process leave to it, each number the least of them."""
    return HostMemory(
        total_bytes=min([machine.total_bytes, *(group.limit_bytes for group in groups)]),
        free_bytes=min([machine.free_bytes, *(group.free_bytes for group in groups)]),
    )


def process_bytes() -> int:
    """Return how much of the host's memory this process takes."""
    return int(psutil.Process().memory_info().rss)


def host_others_bytes() -> int:
    """Return how much of the host's memory others use: what is in use, less what this process has to itself.

    Content of files that it has mapped is not in use: the system would give it back.
    """
    memory, process = host_memory(), psutil.Process().memory_info()
    own = int(process.rss) - int(getattr(process, "shared", 0))
    return max(0, memory.total_bytes - memory.free_bytes - own)
