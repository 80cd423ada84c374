"""Items that pass through a few buffers on the device while others are computed with.

Items 0, 1, ... are used once in each step, in this order. Some of them, the residents, have a buffer on the
device each. The others go through `slots` static buffers, one after another and in a circle: when an item has
been used, its slot is given to the first one that has none yet, past the end of the step into the next. With
two slots an item is copied while the one before it is computed with; with one, nothing overlaps.

The order that keeps this right, whenever the device really does it (see `CopyLane`): a copy into a slot
begins after the computation with what was in it; computation with an item begins after its copy. The
processor waits for neither.

    blocks = BlockStreamer(items, layouts, make=shown, lane=copy_lane(device), residents={...}, slots=2)
    for step in ...:
        blocks.restart()                         # costs nothing after a whole step
        for number in range(len(blocks)):
            with blocks.use(number) as block:
                ...                              # ask the device for computation with the block
    blocks.release()                             # all of the device's memory but what cannot come back
    blocks.refill()

An item's tensors are the device's buffers: what is computed with them has to be asked for before the `with`
ends. An exception inside it ends the step; `restart` begins the next one.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from engine.memory.copy_lane import CopyLane, Mark
from engine.memory.flat_buffer import FlatLayout
from engine.memory.item_source import ItemSource
from engine.protocol.errors import BugError

Item = TypeVar("Item")
Make = Callable[[dict[str, torch.Tensor]], Item]

_BROKEN_OFF = -1


@dataclass(slots=True, kw_only=True, eq=False)
class _Resident(Generic[Item]):
    """An item that stays: its buffer and what it is used as."""

    buffer_B: torch.Tensor
    item: Item


@dataclass(slots=True, kw_only=True, eq=False)
class _Slot(Generic[Item]):
    """A buffer on the device and what it is used as for each layout.

    `free`: when all computation with what was in it is done; `copied`: when what is in it is whole.
    """

    buffer_B: torch.Tensor
    items: dict[FlatLayout, Item]
    free: Mark
    copied: Mark
    number: int | None = None


class BlockStreamer(Generic[Item]):
    """Gives items in the order 0, 1, ... of every step, as `make` makes them of their tensors by name.

    `layouts`: one for each item. `make` is called once for each buffer and layout; what it returns must keep
    nothing but these tensors. `residents`: the buffers on the device, filled, of the items that stay.
    `source` gives the others and belongs to the streamer from now on. The first copies begin at once. Raises
    UserError where the first items cannot be read, torch's own errors where the device has no memory left.
    """

    def __init__(
        self,
        source: ItemSource,
        layouts: Sequence[FlatLayout],
        *,
        make: Make[Item],
        lane: CopyLane,
        residents: Mapping[int, torch.Tensor],
        slots: int = 2,
    ) -> None:
        self._source, self._layouts, self._make, self._lane = source, layouts, make, lane
        self._resident_numbers = sorted(residents)
        self._streamed = [number for number in range(len(layouts)) if number not in residents]
        if slots < 1 and self._streamed:
            raise BugError("items that are streamed need a slot")
        self._slot_count = min(slots, len(self._streamed))
        self._residents: dict[int, _Resident[Item]] = {}
        self._slots: list[_Slot[Item]] = []
        self._ahead: deque[_Slot[Item]] = deque()
        self._upcoming = 0
        self._next = _BROKEN_OFF
        self._in_use = False
        for number, buffer_B in residents.items():
            self._reside(number, buffer_B)
        try:
            self.refill()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        """Return how many items a step uses."""
        return len(self._layouts)

    @property
    def device_bytes(self) -> int:
        """How much of the device's memory the buffers take now."""
        buffers = [one.buffer_B for one in self._residents.values()] + [one.buffer_B for one in self._slots]
        return sum(buffer_B.numel() for buffer_B in buffers)

    @contextmanager
    def use(self, number: int) -> Iterator[Item]:
        """Give an item for the computation asked for inside the `with`.

        Raises BugError for another number than the next one, UserError where an item cannot be read.
        """
        if self._in_use or number != self._next:
            raise BugError(f"item {number} was asked for where {self._next} comes next")
        self._next, self._in_use = _BROKEN_OFF, True
        try:
            if number in self._residents:
                yield self._residents[number].item
            else:
                yield from self._streamed_item(number)
        finally:
            self._in_use = False
        self._next = (number + 1) % len(self)

    def restart(self) -> None:
        """Begin a step: the next item is 0. After a whole step nothing is to be done; else copies are."""
        if self._in_use:
            raise BugError("a step cannot begin while an item of another is in use")
        if not self._is_filled:
            raise BugError("the buffers were given back and have to be filled again first")
        if self._next != 0:
            self._begin()

    def release(self) -> None:
        """Give the buffers back to the device. Residents that the source does not hold stay there."""
        if self._in_use:
            raise BugError("an item is in use")
        self._next = _BROKEN_OFF
        self._lane.settle()
        self._ahead.clear()
        self._slots.clear()
        for number in list(self._residents):
            if self._source.holds(number):
                del self._residents[number]

    def refill(self) -> None:
        """Take the device's memory again and begin a step. Raises UserError where an item cannot be read."""
        if self._in_use:
            raise BugError("an item is in use")
        for number in self._resident_numbers:
            if number not in self._residents:
                buffer_B = self._allocated(self._layouts[number].size_bytes)
                self._source.load(number, buffer_B)
                self._reside(number, buffer_B)
        while len(self._slots) < self._slot_count:
            self._slots.append(self._empty_slot())
        self._begin()

    def close(self) -> None:
        """Let everything go, the residents and the source too, also where the device has failed."""
        try:
            self.release()
        finally:
            self._residents.clear()
            self._source.close()

    @property
    def _is_filled(self) -> bool:
        whole = len(self._residents) == len(self._resident_numbers)
        return whole and len(self._slots) == self._slot_count

    def _streamed_item(self, number: int) -> Iterator[Item]:
        slot = self._ahead.popleft()
        self._lane.wait(slot.copied)
        try:
            yield slot.items[self._layouts[number]]
        finally:
            slot.free = self._lane.mark()
        self._send_next(slot)

    def _begin(self) -> None:
        """Let the first items of a step be copied, one into each slot, whatever is in them."""
        self._ahead.clear()
        self._upcoming = 0
        self._source.restart()
        for slot in self._slots:
            slot.number = None
            self._send_next(slot)
        self._next = 0

    def _send_next(self, slot: _Slot[Item]) -> None:
        """Let the next item without a slot be copied into one that is used no more."""
        number = self._streamed[self._upcoming]
        self._upcoming = (self._upcoming + 1) % len(self._streamed)
        if slot.number != number:  # it is its own successor where there are as many slots as items
            slot.number = None
            source_B = self._source.take(number)
            slot.copied = self._lane.copy(slot.buffer_B[: source_B.numel()], source_B, slot.free)
            self._source.sent(number, slot.copied)
            slot.number = number
        self._ahead.append(slot)

    def _reside(self, number: int, buffer_B: torch.Tensor) -> None:
        item = self._make(self._layouts[number].views(buffer_B))
        self._residents[number] = _Resident(buffer_B=buffer_B, item=item)

    def _empty_slot(self) -> _Slot[Item]:
        layouts = {self._layouts[number] for number in self._streamed}
        buffer_B = self._allocated(max(layout.size_bytes for layout in layouts))
        # Whoever had this memory before may still be computing with it: copies begin after that.
        now = self._lane.mark()
        items = {layout: self._make(layout.views(buffer_B)) for layout in layouts}
        return _Slot(buffer_B=buffer_B, items=items, free=now, copied=now)

    def _allocated(self, size_bytes: int) -> torch.Tensor:
        """Return memory of the device that may be written to in and out of inference."""
        with torch.inference_mode(mode=False):
            return torch.empty(size_bytes, dtype=torch.uint8, device=self._lane.device)
