"""The way from host memory to the device: copies that run beside the computation.

A lane knows two orders of events: what was asked of the device's computation, and its own copies. Marks tie
them together. Nothing here makes the processor wait, but `Mark.wait_here` and `settle`.
"""

from dataclasses import dataclass
from typing import Protocol

import torch


class Mark(Protocol):
    """A moment in what the device was asked to do: all before it is done when the moment is there."""

    def wait_here(self) -> None:
        """Hold the calling thread until the moment is there. Raises RuntimeError for a device that failed."""


class CopyLane(Protocol):
    """Copies to one device, done one after another in the order they are asked for."""

    @property
    def device(self) -> torch.device:
        """The device that is copied to."""

    @property
    def needs_pinned_memory(self) -> bool:
        """Whether `copy` holds the calling thread where the source is ordinary memory."""

    def copy(self, destination: torch.Tensor, source: torch.Tensor, after: Mark | None) -> Mark:
        """Ask for a copy that begins at `after` at the earliest; return the moment when it is done.

        Both are uint8 [B] of equal length. Until then neither may be written to or given back.
        """

    def wait(self, mark: Mark) -> None:
        """Let all computation asked for from now on begin when a copy is done."""

    def mark(self) -> Mark:
        """Return the moment when all computation asked for so far is done."""

    def settle(self) -> None:
        """Hold the calling thread until all copies and all computation are done."""


def copy_lane(device: torch.device) -> CopyLane:
    """Return the lane to a device."""
    return CardLane(device) if device.type == "cuda" else PlainLane(device)


@dataclass(frozen=True, slots=True)
class DoneMark:
    """A moment that is there already."""

    def wait_here(self) -> None:
        """Do not wait."""
        return


class PlainLane:
    """The lane of a device that shares the processor's memory and its order of events: copies at once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    @property
    def device(self) -> torch.device:
        """The device that is copied to."""
        return self._device

    @property
    def needs_pinned_memory(self) -> bool:
        """It copies in the calling thread from wherever it is."""
        return False

    def copy(self, destination: torch.Tensor, source: torch.Tensor, after: Mark | None) -> Mark:
        """Copy."""
        destination.copy_(source)
        return DoneMark()

    def wait(self, mark: Mark) -> None:
        """Do not wait: copies are done when they have been asked for."""
        return

    def mark(self) -> Mark:
        """Return a moment that is there."""
        return DoneMark()

    def settle(self) -> None:
        """Do not wait."""
        return


@dataclass(frozen=True, slots=True, eq=False)
class CardMark:
    """A moment in one of a card's streams."""

    event: torch.cuda.Event

    def wait_here(self) -> None:
        """Hold the calling thread until the card has come there."""
        self.event.synchronize()


class CardLane:
    """The lane of a graphics card: one stream of its own for copies, beside the one in use for computation.

    Memory that is copied to has to be allocated once and kept: torch's allocator, which does not know of
    this lane's stream, must not lend it to anybody else before `settle`.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)

    @property
    def device(self) -> torch.device:
        """The device that is copied to."""
        return self._device

    @property
    def needs_pinned_memory(self) -> bool:
        """Ordinary memory is brought to the card's library piece by piece, in the calling thread."""
        return True

    def copy(self, destination: torch.Tensor, source: torch.Tensor, after: Mark | None) -> Mark:
        """Put a copy on the lane's stream; from pinned memory the card fetches it by itself."""
        if after is not None:
            self._stream.wait_event(_event(after))
        with torch.cuda.stream(self._stream):
            destination.copy_(source, non_blocking=True)
        return _recorded(self._stream)

    def wait(self, mark: Mark) -> None:
        """Let the stream of the computation wait."""
        torch.cuda.current_stream(self._device).wait_event(_event(mark))

    def mark(self) -> Mark:
        """Return the moment on the stream of the computation."""
        return _recorded(torch.cuda.current_stream(self._device))

    def settle(self) -> None:
        """Wait for both streams."""
        self._stream.synchronize()
        torch.cuda.current_stream(self._device).synchronize()


def _recorded(stream: torch.cuda.Stream) -> CardMark:
    """Return this moment of a stream. A thread that waits for it sleeps: by default it would keep a core."""
    return CardMark(stream.record_event(torch.cuda.Event(blocking=True)))


def _event(mark: Mark) -> torch.cuda.Event:
    if not isinstance(mark, CardMark):
        raise TypeError(f"{mark!r} is no moment of a card")
    return mark.event
