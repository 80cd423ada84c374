"""What a render does when its device has no memory left, or is gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from engine.media.opencv import cv2
from engine.memory.card_failures import (
    is_another_cards_code,
    is_device_shortage,
    is_full_card,
    is_lost_device,
    unusable_card,
)
from engine.memory.device import device_name, release_cached_memory
from engine.renderers.finished_frames import noted_owner
from engine.renderers.phase_watch import PhaseWatch
from engine.renderers.render_memory import RenderMemory
from engine.renderers.renderer import DeviceLostError
from engine.weights.memory_shortage import is_memory_shortage


@contextmanager
def failures_of(device: torch.device, memory: RenderMemory, phases: PhaseWatch) -> Iterator[None]:
    """Turn a shortage of memory into a step down the ladder, and a device that failed into DeviceLostError.

    Raises MemoryRanOutError, UserError(OUT_OF_MEMORY) where the ladder has ended, and
    UserError(RENDERER_UNAVAILABLE) where the libraries were built for other cards. Whatever else happens, the
    device's memory is given back: the process lives on.
    """
    is_of_use = True
    try:
        yield
    except (RuntimeError, MemoryError, OSError, cv2.error) as error:
        if is_memory_shortage(error) or is_full_card(error, device):
            is_of_use = False
            of_host = not is_device_shortage(error, device)
            raise memory.ran_out(phases.current, of_host=of_host) from error
        if is_lost_device(error):
            is_of_use = False
            raise DeviceLostError(str(error), device=device_name(device)) from error
        if is_another_cards_code(error):
            raise unusable_card(error) from error
        raise
    finally:
        if is_of_use:
            release_cached_memory(device)


def require_device_of_before(work: Path, made_with: str, device: torch.device) -> None:
    """Make sure that a render does not go on by the processor after its card is gone.

    `made_with`: all that finished frames depend on but the device. Raises DeviceLostError: in a fresh process
    the card may be back; what is finished stays.
    """
    before = noted_owner(work)
    if device.type != "cpu" or not before.startswith(f"{made_with} on "):
        return
    name = before.removeprefix(f"{made_with} on ").rpartition(" in ")[0]
    if name != device_name(device):
        raise DeviceLostError(f"{name} is not there any more", device=name)
