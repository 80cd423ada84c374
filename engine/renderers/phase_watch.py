"""Which phase of a render uses the device, and the most memory that tensors took of it in each."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.memory.device import peak_memory_bytes, reset_peak_memory
from engine.protocol.memory_plan import PlanPhase


class PhaseWatch:
    """Follows a render's phases, one at a time. After an error `current` is the phase it happened in."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._peaks: dict[PlanPhase, int] = {}
        self.current: PlanPhase | None = None

    @contextmanager
    def phase(self, phase: PlanPhase) -> Iterator[None]:
        """Count what is done within as a phase."""
        reset_peak_memory(self._device)
        self.current = phase
        yield
        peak = peak_memory_bytes(self._device)
        if peak is not None:
            self._peaks[phase] = max(peak, self._peaks.get(phase, 0))
        self.current = None

    @property
    def peak_bytes(self) -> int | None:
        """The most memory in any phase so far; None where the device does not count."""
        return max(self._peaks.values(), default=None)
