"""Blocks of the transformer whose parameters are views of a flat buffer.

A block keeps what a step needs of it: the projections that make keys and values of texts, picture and
characters are not among it (see `engine.sampling.key_value_bank`).
"""

import copy
from collections.abc import Mapping

import torch
from diffusers.models.transformers.transformer_wan import WanTransformerBlock
from torch import nn

from engine.memory.eight_bit import EIGHT_BIT, ScaledLinear, scaled_eight_bit
from engine.memory.flat_buffer import FlatLayout
from engine.protocol.errors import BugError
from engine.protocol.memory_plan import WeightStorage

USED_ONCE = ("to_k", "to_v", "add_k_proj", "add_v_proj")
"""Of a block's cross-attention: not needed once the keys and values are there."""


class BlockShape:
    """What all blocks of a transformer have in common: made of one of them, without its weights.

    `layout` says which tensors of a block are kept and where: norms and tables in float32 where the block has
    them so, with `WeightStorage.EIGHT_BIT` the weights of its linear layers as 8-bit numbers and scales.
    """

    def __init__(self, template: WanTransformerBlock, storage: WeightStorage = WeightStorage.FULL) -> None:
        self.storage = storage
        self._skeleton = _without_weights(template)
        for name in USED_ONCE:
            setattr(self._skeleton.attn2, name, None)
        if storage is WeightStorage.EIGHT_BIT:
            _scale_linears(self._skeleton)
        self.layout = FlatLayout.of(dict(self._skeleton.named_parameters()))

    def block(self, tensors: Mapping[str, torch.Tensor]) -> WanTransformerBlock:
        """Return a block whose parameters are these very tensors, by the names of `layout`."""
        block = copy.deepcopy(self._skeleton)
        for name, tensor in tensors.items():
            owner, _, own_name = name.rpartition(".")
            setattr(block.get_submodule(owner), own_name, nn.Parameter(tensor, requires_grad=False))
        return block

    @torch.no_grad()
    def tensors(self, block: WanTransformerBlock) -> dict[str, torch.Tensor]:
        """Return what is kept of a whole block, by the names of `layout`.

        Raises BugError where a weight is no finite number and is to be scaled, KeyError for another network.
        """
        held = dict(block.named_parameters())
        kept: dict[str, torch.Tensor] = {}
        for place in self.layout.places:
            owner, _, own_name = place.name.rpartition(".")
            if not isinstance(self._skeleton.get_submodule(owner), ScaledLinear):
                kept[place.name] = held[place.name]
            elif own_name == "weight":
                kept[place.name], kept[f"{owner}.scale"] = scaled_eight_bit(held[place.name])
            elif own_name == "bias":
                kept[place.name] = held[place.name]
        return kept


def _without_weights(block: WanTransformerBlock) -> WanTransformerBlock:
    """Return a copy on the meta device; what the copy is made of takes no memory meanwhile."""
    if next(block.buffers(), None) is not None:
        raise BugError("a block with buffers cannot be streamed")
    empty = {
        id(parameter): nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
        for parameter in block.parameters()
    }
    return copy.deepcopy(block, empty)


def _scale_linears(module: nn.Module) -> None:
    """Put a layer of scaled weights in the place of every linear one."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            weight_OI = child.weight.new_empty(child.weight.shape, dtype=EIGHT_BIT)
            scale_O = child.weight.new_empty(child.weight.shape[0], dtype=torch.float32)
            setattr(module, name, ScaledLinear(weight_OI, scale_O, child.bias))
        else:
            _scale_linears(child)
