"""Keys and values that wait on the host and come to the device block by block, as the blocks' weights do.

At 14 B those of two texts and the image take 1 GB, and 1.6 GB for each character that a clip drives.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from engine.memory.block_streamer import BlockStreamer
from engine.memory.copy_lane import CopyLane
from engine.memory.flat_buffer import FlatLayout
from engine.memory.item_source import HostItems
from engine.memory.read_ahead import streamable
from engine.planning.buffer_counts import BANK_SLOTS
from engine.sampling.key_value_bank import (
    BlockKeysValues,
    CastKeysValues,
    kept_tensors,
    with_kept_tensors,
)


class StreamedBank:
    """A pass's keys and values on the host. `use` lends a block's on the device.

    `shared`: those of texts and image, block by block, on any device; `cast` adds the characters'. `pinned`:
    whether to ask for memory that a card reads by itself. Raises MemoryError where the host has too little.
    """

    def __init__(
        self, shared: Sequence[BlockKeysValues], cast: CastKeysValues, lane: CopyLane, *, pinned: bool
    ) -> None:
        self._entries: list[BlockKeysValues] = []
        items: HostItems | None = None
        layouts: list[FlatLayout] = []
        for number, known in enumerate(shared):
            entry = cast.added_to(known, number)
            tensors = kept_tensors(entry)
            if items is None:
                layouts = [FlatLayout.of(tensors)] * len(shared)
                items = HostItems(layouts, pin_for=lane.device if pinned else None)
            items.put(number, tensors)
            self._entries.append(with_kept_tensors(entry, layouts[number].views(items.take(number))))
        if items is None:
            raise ValueError("there are no blocks")
        source = streamable(items, range(len(layouts)), lane)
        self._streamer: BlockStreamer[dict[str, torch.Tensor]] = BlockStreamer(
            source, layouts, make=_as_they_are, lane=lane, residents={}, slots=BANK_SLOTS
        )

    def __len__(self) -> int:
        """Return how many blocks there are."""
        return len(self._entries)

    @contextmanager
    def use(self, number: int) -> Iterator[BlockKeysValues]:
        """Lend a block's keys and values on the device."""
        with self._streamer.use(number) as tensors:
            yield with_kept_tensors(self._entries[number], tensors)

    def close(self) -> None:
        """Let everything go."""
        self._entries.clear()
        self._streamer.close()


def _as_they_are(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return tensors
