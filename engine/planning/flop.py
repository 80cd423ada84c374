"""How many floating-point operations a step takes: matrix products and attention, two for each multiply-add.

Norms, activations and modulation are left out; they are under one part in a hundred. Shapes: N tokens, C the
transformer's width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.planning.adapter_names import AdapterName
from engine.planning.network_sizes import TransformerSize
from engine.planning.prompt_text import PROMPT_TOKENS

PATCH_LATENTS = 4
"""Latents of a token: 2 x 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flop:
    """Operations of matrix products and of attention: devices do them at rates of their own."""

    products: int
    attention: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.products + self.attention


def step_flop(
    size: TransformerSize,
    tokens: int,
    speaking: Sequence[frozenset[AdapterName]],
    pairs: Mapping[AdapterName, int],
) -> Flop:
    """Return the operations of one step with keys and values from a bank, for the branches it computes.

    Block 0's self-attention counts once, every other block's for each branch. `speaking`: for each branch the
    adapters that speak; `pairs`: how many pairs of a query and a key an adapter's attention looks at in one
    block.
    """
    width, blocks, count = size.width, size.blocks, len(speaking)
    own = blocks * count - (count - 1)
    cross = blocks * count
    context = PROMPT_TOKENS + size.image_tokens
    products = own * 4 * product(tokens, width, width)
    products += cross * (2 * product(tokens, width, width) + 2 * product(tokens, width, size.feed_forward))
    products += _embedding(size, tokens) + count * product(tokens, width, PATCH_LATENTS * size.channels_out)
    adapters = sum(attention(pairs[name], width) for branch in speaking for name in branch)
    return Flop(
        products=products,
        attention=own * attention(tokens * tokens, width)
        + cross * attention(tokens * context, width)
        + blocks * adapters,
    )


def product(rows: int, inner: int, columns: int) -> int:
    """Return the operations of a matrix product."""
    return 2 * rows * inner * columns


def attention(pairs: int, width: int) -> int:
    """Return the operations of the scores and of the weighted sum over all heads."""
    return 4 * pairs * width


def _embedding(size: TransformerSize, tokens: int) -> int:
    """Return the operations of the patches' and the timestep's embedding."""
    width = size.width
    patches = product(tokens, PATCH_LATENTS * size.channels_in, width)
    return patches + product(1, size.frequency_width, width) + 7 * product(1, width, width)
