"""A transformer's blocks are taken over one by one and given back as blocks that are streamed.

    with BlockBuilder(model.blocks[0], len(model.blocks), places=places, lane=copy_lane(device)) as builder:
        for number, block in enumerate(model.blocks):
            ...                                  # what needs the whole block: keys and values
            builder.add(number, block)           # its weights are taken over and leave the module
        blocks = builder.finished()
    with blocks.use(number) as block:
        add_self_attention(block, ...)

At most one block is in memory twice. What is built and not finished is let go at the end of the `with`.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import torch
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from engine.memory.block_file import (
    block_file_path,
    open_block_file,
    remove_other_block_files,
    written_block_file,
)
from engine.memory.block_modules import BlockShape
from engine.memory.block_streamer import BlockStreamer
from engine.memory.copy_lane import CopyLane
from engine.memory.eight_bit import require_eight_bit
from engine.memory.item_source import HostItems, ItemSource
from engine.memory.read_ahead import ReadAhead, streamable
from engine.planning.buffer_counts import DISK_BUFFERS
from engine.protocol.errors import BugError, ErrorCode, UserError
from engine.protocol.memory_plan import HostPlace, WeightStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlaces:
    """Where blocks are kept and how they reach the device.

    `residents`: the numbers of the blocks that stay on the device; the others go through `slots` buffers.
    `residents_return`: whether residents have a copy on the host as well, so that their memory can be given
    back for a while (`release`) and filled again (`refill`): it costs host memory, as much as they take on
    the device, in ordinary pages; nothing where blocks are on the disk, which has all of them anyway.
    `folder`, `identity`: for HostPlace.DISK, where the file of the blocks is kept, and the name of the
    weights and of all that is done to them before they are taken over. A file of the same name is used again
    without being written; those of others are removed.
    """

    residents: frozenset[int] = frozenset()
    slots: int = 2
    host_place: HostPlace = HostPlace.PINNED
    storage: WeightStorage = WeightStorage.FULL
    residents_return: bool = True
    folder: Path | None = None
    identity: str = ""


class _BlockStore(Protocol):
    """What keeps blocks for later."""

    def put(self, number: int, tensors: dict[str, torch.Tensor]) -> None:
        """Keep a block's tensors."""


class BlockBuilder:
    """Takes the blocks of a transformer over, in any order, each once.

    `template` is any of them, with or without its weights. Raises UserError where the device does not have
    the number format, and where a block file cannot be written.
    """

    def __init__(
        self, template: WanTransformerBlock, count: int, *, places: BlockPlaces, lane: CopyLane
    ) -> None:
        if places.storage is WeightStorage.EIGHT_BIT:
            require_eight_bit(lane.device)
        self.shape = BlockShape(template, places.storage)
        self._places, self._lane = places, lane
        self._layouts = [self.shape.layout] * count
        self._missing = set(range(count))
        self._streamed = [number for number in range(count) if number not in places.residents]
        self._residents: dict[int, torch.Tensor] = {}
        pin_for = lane.device if places.host_place is HostPlace.PINNED else None
        self.host = HostItems(self._layouts, pin_for=pin_for, pinned_numbers=self._streamed)
        """The blocks in host memory: how much they take and how much of it is pinned."""
        self._is_finished = False
        self._unfinished = ExitStack()
        self._store = self._disk_store() if places.host_place is HostPlace.DISK else self.host

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go what was not finished."""
        if error is None and self._missing:
            error = BugError("the blocks were not all taken over")
        self._unfinished.__exit__(type(error) if error else None, error, trace)
        if not self._is_finished:
            self._residents = {}
            self.host.close()

    @torch.inference_mode(mode=False)
    def add(self, number: int, block: WanTransformerBlock) -> None:
        """Take a block's weights over; the module is left on the meta device, without any.

        Raises MemoryError, OSError or torch's own errors where memory runs out, UserError where the disk is
        full, BugError for a block that is not like the template or was taken over before.
        """
        if number not in self._missing:
            raise BugError(f"block {number} is there already or is none of these")
        tensors = self.shape.tensors(block)
        if number in self._places.residents:
            buffer_B = torch.empty(self.shape.layout.size_bytes, dtype=torch.uint8, device=self._lane.device)
            self.shape.layout.fill(buffer_B, tensors)
            self._residents[number] = buffer_B
        if self._store is not None and (number in self._streamed or self._keeps_residents):
            self._store.put(number, tensors)
        self._missing.remove(number)
        block.to("meta")

    def finished(self) -> BlockStreamer[WanTransformerBlock]:
        """Return the blocks, the first of which are already on their way to the device.

        Raises UserError where a block file cannot be finished or read.
        """
        if self._missing:
            raise BugError(f"blocks {sorted(self._missing)} were never added")
        self._unfinished.close()
        residents, self._residents = self._residents, {}
        self._is_finished = True
        return BlockStreamer(
            self._source(),
            self._layouts,
            make=self.shape.block,
            lane=self._lane,
            residents=residents,
            slots=self._places.slots,
        )

    @property
    def host_place(self) -> HostPlace:
        """Where the blocks taken over wait: asked for as pinned, they may lie in ordinary memory."""
        if self._places.host_place is not HostPlace.PINNED:
            return self._places.host_place
        streamed_bytes = len(self._streamed) * self.shape.layout.size_bytes
        return HostPlace.PINNED if self.host.pinned_bytes == streamed_bytes else HostPlace.PAGEABLE

    @property
    def _keeps_residents(self) -> bool:
        return self._places.residents_return or self._places.host_place is HostPlace.DISK

    def _disk_store(self) -> _BlockStore | None:
        """Return what writes the file; None where it is there already."""
        path = self._block_file_path()
        remove_other_block_files(path)
        known = open_block_file(path, self._layouts, self._places.identity)
        if known is not None:
            known.close()
            return None
        return self._unfinished.enter_context(written_block_file(path, self._layouts, self._places.identity))

    def _source(self) -> ItemSource:
        if self._places.host_place is HostPlace.DISK:
            return self._from_disk()
        return streamable(self.host, self._streamed, self._lane)

    def _from_disk(self) -> ItemSource:
        path = self._block_file_path()
        file = open_block_file(path, self._layouts, self._places.identity)
        if file is None:
            raise UserError(
                f"The transformer's blocks could not be read back from {path.parent}.",
                next_step="Check the disk, then render again.",
                code=ErrorCode.FILE_UNREADABLE,
                details={"path": str(path)},
            )
        return ReadAhead(file, self._streamed, buffers=DISK_BUFFERS, pin_for=self._lane.device)

    def _block_file_path(self) -> Path:
        if self._places.folder is None:
            raise BugError("blocks on the disk need a folder")
        return block_file_path(self._places.folder, self._places.identity, self._layouts)
