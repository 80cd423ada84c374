"""What a render does when its device has no memory left, or is gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from engine.media.opencv import cv2
from engine.memory.card_failures import is_lost_device
from engine.memory.device import device_name, release_cached_memory
from engine.renderers.phase_watch import PhaseWatch
from engine.renderers.render_memory import RenderMemory
from engine.renderers.render_notes import noted_record
from engine.renderers.renderer import DeviceLostError
from engine.weights.memory_shortage import is_memory_shortage


@contextmanager
def failures_of(device: torch.device, memory: RenderMemory, phases: PhaseWatch) -> Iterator[None]:
    """Turn a shortage of memory into a step down the ladder, and a device that failed into DeviceLostError.

    Raises MemoryRanOutError, UserError(OUT_OF_MEMORY) where the ladder has ended, and MemoryError outside the
    phases that a plan knows.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError, cv2.error) as error:
        if is_memory_shortage(error):
            raise memory.ran_out(phases.current, of_host=_is_of_host(error, device)) from error
        if is_lost_device(error):
            raise DeviceLostError(str(error), device=device_name(device)) from error
        raise
    release_cached_memory(device)  # after a failure the process ends, and a lost card would fail again


def require_device_of_before(work: Path, device: torch.device) -> None:
    """Make sure that a render does not go on by the processor after its card is gone.

    Raises DeviceLostError: in a fresh process the card may be back; what is finished stays.
    """
    noted = noted_record(work)
    if noted is not None and device.type == "cpu" and noted.device != device_name(device):
        raise DeviceLostError(f"{noted.device} is not there any more", device=noted.device)


def _is_of_host(error: BaseException, device: torch.device) -> bool:
    """Return whether the host's memory ran out, and not the device's own."""
    causes = (error, error.__cause__, error.__context__)
    return device.type != "cpu" and not any(isinstance(each, torch.OutOfMemoryError) for each in causes)
