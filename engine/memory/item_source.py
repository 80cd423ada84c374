"""Where what is streamed to the device waits on the host.

Shapes: B bytes of an item.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch

from engine.memory.copy_lane import Mark
from engine.memory.flat_buffer import FlatLayout
from engine.memory.host_buffer import HostBuffer


class ItemSource(Protocol):
    """Gives the streamed items one after another in a circle, and any that it holds at once."""

    def take(self, number: int) -> torch.Tensor:
        """Return an item's bytes [B] on the host, when they are there. Items come in the order of use.

        Raises UserError where it cannot be read.
        """

    def sent(self, number: int, done: Mark) -> None:
        """Say when the item taken last has been copied from: then its memory may be used for another."""

    def restart(self) -> None:
        """Begin with the first streamed item again."""

    def holds(self, number: int) -> bool:
        """Return whether `load` can give an item."""

    def load(self, number: int, destination_B: torch.Tensor) -> None:
        """Copy any item to memory on any device before returning. Raises UserError as `take`."""

    def close(self) -> None:
        """Let everything go. All copies have to be done."""


class HostItems:
    """Items that lie in host memory, each in one flat buffer.

    `layouts`: one for each item, by number. `pin_for`: the card that reads them, None for ordinary memory;
    only `pinned_numbers` (by default all) are tried. An item takes memory when it is put there, not before.
    """

    def __init__(
        self,
        layouts: Sequence[FlatLayout],
        *,
        pin_for: torch.device | None = None,
        pinned_numbers: Iterable[int] | None = None,
    ) -> None:
        self._layouts = layouts
        self._pin_for = pin_for
        self._pinned = frozenset(range(len(layouts)) if pinned_numbers is None else pinned_numbers)
        self._buffers: dict[int, HostBuffer] = {}

    @property
    def size_bytes(self) -> int:
        """How much host memory the items take."""
        return sum(buffer.bytes_B.numel() for buffer in self._buffers.values())

    @property
    def pinned_bytes(self) -> int:
        """How much of it a card reads by itself."""
        return sum(buffer.bytes_B.numel() for buffer in self._buffers.values() if buffer.pinned)

    def item_bytes(self, number: int) -> int:
        """Return how much memory an item takes."""
        return self._layouts[number].size_bytes

    def put(self, number: int, tensors: Mapping[str, torch.Tensor]) -> None:
        """Copy an item's tensors, from whichever device, into a buffer of their own.

        Raises MemoryError or OSError where there is no memory, BugError for tensors of another layout.
        """
        layout = self._layouts[number]
        buffer = HostBuffer(layout.size_bytes, pin_for=self._pin_for if number in self._pinned else None)
        layout.fill(buffer.bytes_B, tensors)
        self._buffers[number] = buffer

    def unpin(self) -> None:
        """Make all of it ordinary memory. No copy may be under way."""
        for buffer in self._buffers.values():
            buffer.unpin()

    def take(self, number: int) -> torch.Tensor:
        """Return an item's bytes [B]; KeyError where it was never put here."""
        return self._buffers[number].bytes_B

    def sent(self, number: int, done: Mark) -> None:
        """Keep the item all the same."""
        return

    def restart(self) -> None:
        """Every item is always there."""
        return

    def holds(self, number: int) -> bool:
        """Return whether an item was put here."""
        return number in self._buffers

    def load(self, number: int, destination_B: torch.Tensor) -> None:
        """Copy an item."""
        destination_B.copy_(self._buffers[number].bytes_B)

    def close(self) -> None:
        """Forget the items."""
        self.unpin()
        self._buffers.clear()
