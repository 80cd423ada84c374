"""Which phase of a render uses the device, and the most memory of it that all of them took."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.memory.device import peak_held_bytes, peak_memory_bytes, reset_peak_memory
from engine.protocol.memory_plan import PlanPhase


class PhaseWatch:
    """Follows a render's phases, one at a time. After an error `current` is the phase it happened in.

    `peak_bytes`: the most that tensors took in any phase so far; `held_bytes`: the most that the allocator
    held for them. None where the device does not count.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.current: PlanPhase | None = None
        self.peak_bytes: int | None = None
        self.held_bytes: int | None = None

    @contextmanager
    def phase(self, phase: PlanPhase) -> Iterator[None]:
        """Count what is done within as a phase."""
        reset_peak_memory(self._device)
        self.current = phase
        yield
        self.peak_bytes = _greater(self.peak_bytes, peak_memory_bytes(self._device))
        self.held_bytes = _greater(self.held_bytes, peak_held_bytes(self._device))
        self.current = None


def _greater(before: int | None, found: int | None) -> int | None:
    return found if before is None else max(before, found or 0)
