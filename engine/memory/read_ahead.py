"""Items that are read into a few buffers ahead of their use, in a circle, by a thread of its own.

For blocks on the disk, and for blocks in host memory that a card cannot read by itself: the thread brings
them into the few pinned buffers while the card computes.

A buffer is read into again when its copy to the device is done: the thread waits for that, the render does
not. What goes wrong in the thread is raised where the item is taken.

Shapes: B bytes of an item.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import torch

from engine.memory.copy_lane import CopyLane, Mark
from engine.memory.host_buffer import HostBuffer
from engine.memory.item_source import HostItems, ItemSource
from engine.planning.buffer_counts import DISK_BUFFERS, PINNED_BUFFERS
from engine.protocol.errors import BugError


class ItemReader(Protocol):
    """Items that can be read, by one thread at a time."""

    def item_bytes(self, number: int) -> int:
        """Return how much memory an item takes."""

    def holds(self, number: int) -> bool:
        """Return whether there is such an item."""

    def load(self, number: int, destination_B: torch.Tensor) -> None:
        """Bring an item into host memory. Raises UserError where it cannot be read."""

    def close(self) -> None:
        """Let everything go."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reading:
    """An item on its way into a buffer, which may be written to from `free` on."""

    number: int
    buffer: HostBuffer
    free: Mark | None
    done: Future[None]


class ReadAhead:
    """A source of streamed items (see `ItemSource`) that holds no more than `buffers` of them at once.

    `order`: their numbers in the order of use. `pin_for`: the card that copies from the buffers. Reading
    begins at once. The reader belongs to it from now on. Raises MemoryError or OSError without room for the
    buffers.
    """

    def __init__(
        self,
        reader: ItemReader,
        order: Sequence[int],
        *,
        buffers: int = DISK_BUFFERS,
        pin_for: torch.device | None = None,
    ) -> None:
        if buffers < 1:
            raise BugError("reading ahead needs a buffer")
        self._reader, self._order = reader, list(order)
        size_bytes = max(reader.item_bytes(number) for number in order) if order else 0
        count = min(buffers, len(self._order))
        try:
            self._buffers = [HostBuffer(size_bytes, pin_for=pin_for) for _ in range(count)]
        except BaseException:
            reader.close()
            raise
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._readings: deque[_Reading] = deque()
        self._taken: _Reading | None = None
        self._idle: list[tuple[HostBuffer, Mark | None]] = [(buffer, None) for buffer in self._buffers]
        self._upcoming = 0
        self._is_fresh = False
        self.restart()

    @property
    def host_bytes(self) -> int:
        """How much host memory the buffers take."""
        return sum(buffer.bytes_B.numel() for buffer in self._buffers)

    @property
    def pinned(self) -> bool:
        """Whether a card reads all of the buffers by itself."""
        return all(buffer.pinned for buffer in self._buffers)

    def take(self, number: int) -> torch.Tensor:
        """Return an item's bytes [B] when it has been read.

        Raises UserError where it cannot be read, BugError for another than the next one.
        """
        if self._taken is not None or not self._readings or self._readings[0].number != number:
            raise BugError(f"item {number} was not read ahead")
        self._is_fresh = False
        reading = self._readings.popleft()
        self._taken = reading
        reading.done.result()
        return reading.buffer.bytes_B[: self._reader.item_bytes(number)]

    def sent(self, number: int, done: Mark) -> None:
        """Let the next item be read into the buffer of the one taken last, when that has been copied."""
        if self._taken is None or self._taken.number != number:
            raise BugError(f"item {number} was not taken")
        buffer, self._taken = self._taken.buffer, None
        self._read_next(buffer, done)

    def restart(self) -> None:
        """Read from the first item on; what was read ahead is dropped. A reading that failed is forgotten."""
        if self._is_fresh:
            return
        for reading in (*self._readings, *([self._taken] if self._taken else [])):
            reading.done.cancel()
            self._idle.append((reading.buffer, reading.free))
        self._readings.clear()
        self._taken = None
        self._upcoming = 0
        self._is_fresh = True
        while self._idle:
            self._read_next(*self._idle.pop())

    def holds(self, number: int) -> bool:
        """Return whether there is such an item, streamed or not."""
        return self._reader.holds(number)

    def load(self, number: int, destination_B: torch.Tensor) -> None:
        """Copy any item to memory on any device before returning; takes its size in host memory for that."""
        room = HostBuffer(self._reader.item_bytes(number))
        self._thread.submit(self._reader.load, number, room.bytes_B).result()
        destination_B.copy_(room.bytes_B)

    def close(self) -> None:
        """End the thread, after the item it is reading, and let everything go. All copies have to be done."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._readings.clear()
        self._taken = None
        for buffer in self._buffers:
            buffer.unpin()
        self._buffers.clear()
        self._reader.close()

    def _read_next(self, buffer: HostBuffer, free: Mark | None) -> None:
        number = self._order[self._upcoming]
        self._upcoming = (self._upcoming + 1) % len(self._order)
        # One thread reads what was asked for in this order: a buffer is never read into twice at once.
        done = self._thread.submit(self._read, number, buffer, free)
        self._readings.append(_Reading(number=number, buffer=buffer, free=free, done=done))

    def _read(self, number: int, buffer: HostBuffer, free: Mark | None) -> None:
        if free is not None:
            free.wait_here()
        self._reader.load(number, buffer.bytes_B[: self._reader.item_bytes(number)])


def streamable(items: HostItems, order: Sequence[int], lane: CopyLane) -> ItemSource:
    """Return a source of items in host memory that never holds the render's thread for a copy.

    Those the device reads by itself are that already. A card would copy from ordinary memory in the thread
    that asks: if not all of them are pinned, another thread brings each to memory that is.
    """
    wanted_bytes = sum(items.item_bytes(number) for number in order)
    if not lane.needs_pinned_memory or items.pinned_bytes == wanted_bytes:
        return items
    items.unpin()
    return ReadAhead(items, order, buffers=PINNED_BUFFERS, pin_for=lane.device)
