"""A transformer's blocks are taken over one by one and given back as blocks that are streamed.

    builder = BlockBuilder(model.blocks[0], len(model.blocks), places=places, lane=copy_lane(device))
    for number, block in enumerate(model.blocks):
        ...                                      # what needs the whole block: keys and values
        builder.add(number, block)               # its weights are taken over and leave the module
    blocks = builder.finished()
    with blocks.use(number) as block:
        add_self_attention(block, ...)

At most one block is in memory twice.
"""

from dataclasses import dataclass

import torch
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from engine.memory.block_modules import BlockShape
from engine.memory.block_streamer import BlockStreamer
from engine.memory.copy_lane import CopyLane
from engine.memory.eight_bit import require_eight_bit
from engine.memory.item_source import HostItems
from engine.protocol.errors import BugError
from engine.protocol.memory_plan import HostPlace, WeightStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlaces:
    """Where blocks are kept and how they reach the device.

    `residents`: the numbers of the blocks that stay on the device; the others go through `slots` buffers.
    `residents_return`: whether residents have a copy on the host as well, so that their memory can be given
    back for a while (`release`) and filled again (`refill`): it costs host memory, as much as they take on
    the device, in ordinary pages.
    """

    residents: frozenset[int] = frozenset()
    slots: int = 2
    host_place: HostPlace = HostPlace.PINNED
    storage: WeightStorage = WeightStorage.FULL
    residents_return: bool = True


class BlockBuilder:
    """Takes the blocks of a transformer over, in any order, each once.

    `template` is any of them, with or without its weights. Raises UserError where the device does not have
    the number format.
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
        self._residents: dict[int, torch.Tensor] = {}
        self._host = HostItems(
            self._layouts,
            pin_for=lane.device if places.host_place is HostPlace.PINNED else None,
            pinned_numbers=self._missing - places.residents,
        )

    @property
    def host(self) -> HostItems:
        """The blocks in host memory: how much they take and how much of it is pinned."""
        return self._host

    @torch.inference_mode(mode=False)
    def add(self, number: int, block: WanTransformerBlock) -> None:
        """Take a block's weights over; the module is left on the meta device, without any.

        Raises MemoryError, OSError or torch's own errors where memory runs out, BugError for a block that is
        not like the template or was taken over before.
        """
        if number not in self._missing:
            raise BugError(f"block {number} is there already or is none of these")
        tensors = self.shape.tensors(block)
        if number in self._places.residents:
            buffer_B = torch.empty(self.shape.layout.size_bytes, dtype=torch.uint8, device=self._lane.device)
            self.shape.layout.fill(buffer_B, tensors)
            self._residents[number] = buffer_B
        if number not in self._places.residents or self._places.residents_return:
            self._host.put(number, tensors)
        self._missing.remove(number)
        block.to("meta")

    def finished(self) -> BlockStreamer[WanTransformerBlock]:
        """Return the blocks, the first of which are already on their way to the device."""
        if self._missing:
            raise BugError(f"blocks {sorted(self._missing)} were never added")
        return BlockStreamer(
            self._host,
            self._layouts,
            make=self.shape.block,
            lane=self._lane,
            residents=self._residents,
            slots=self._places.slots,
        )
