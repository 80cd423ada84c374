"""Wan's transformer out of its files as a whole, or as its frame and one block at a time."""

from collections.abc import Callable, Mapping
from copy import deepcopy

import torch
from diffusers import WanTransformer3DModel
from diffusers.configuration_utils import FrozenDict
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformerBlock

from engine.weights.module_filling import Naming, NumberFormats, check_module, fill_apart, fill_mapped
from engine.weights.tensor_file import TensorFile

_BLOCKS = "blocks."


class TransformerBlocks:
    """A transformer whose files were checked for names, shapes and number formats; no weight is read yet."""

    def __init__(
        self,
        file: TensorFile,
        config: Mapping[str, object],
        name_in_file: Callable[[str], str],
        dtype: torch.dtype,
    ) -> None:
        """Take a file with weights for a network of this config. Raises UserError where they do not fit."""
        kept = WanTransformer3DModel._keep_in_fp32_modules  # diffusers offers no other way to ask
        self._file = file
        self._config = dict(config)
        self._naming = Naming(name_in_file=name_in_file)
        self._formats = NumberFormats(dtype=dtype, keep_float32=frozenset(kept))
        self._empty = self._without_weights()
        check_module(self._empty, file, self._naming)

    def __len__(self) -> int:
        """Return how many blocks there are."""
        return len(self._empty.blocks)

    @property
    def config(self) -> FrozenDict:
        """The network's sizes, as diffusers names them."""
        return self._empty.config

    def frame(self) -> WanTransformer3DModel:
        """Return the network with everything but its blocks, which are on the meta device, in own memory.

        Raises UserError for values that are no numbers, and for a file that changed or cannot be read.
        """
        model = self._without_weights()
        keys = [key for key in model.state_dict() if not key.startswith(_BLOCKS)]
        names = {key: self._naming.name_in_file(key) for key in keys}
        fill_apart(model, self._file, names=names, formats=self._formats)
        return model

    def block(self, number: int) -> WanTransformerBlock:
        """Return one block, counted from 0, in memory that is freed when the block is dropped.

        Raises UserError as `frame` does, and IndexError where there is no such block.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"there is no block {number} of {len(self)}")
        block = deepcopy(self._empty.blocks[number])
        names = {key: self._naming.name_in_file(f"{_BLOCKS}{number}.{key}") for key in block.state_dict()}
        fill_apart(block, self._file, names=names, formats=self._formats)
        return block

    def whole(self) -> WanTransformer3DModel:
        """Return the network with all its weights; what needs no conversion stays mapped.

        Raises UserError for values that are no numbers.
        """
        model = self._without_weights()
        fill_mapped(model, self._file, self._naming, self._formats)
        return model

    def _without_weights(self) -> WanTransformer3DModel:
        """Return the network on the meta device; the rotary positions are computed, no file has them."""
        with torch.device("meta"):
            model = WanTransformer3DModel(**self._config)
        rope = model.rope
        model.rope = WanRotaryPosEmbed(rope.attention_head_dim, rope.patch_size, rope.max_seq_len)
        return model
