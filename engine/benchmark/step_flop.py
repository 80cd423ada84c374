"""How many floating-point operations a step takes: matrix products and attention, two for each multiply-add.

Norms, activations and modulation are left out; they are under one part in a hundred.
"""

from collections.abc import Collection, Mapping, Sequence

from engine.benchmark.step_model import IMAGE_TOKENS, PLATE_CHANNELS, TEXT_TOKENS
from engine.benchmark.step_options import StepOptions
from engine.networks.adapter_attention import RowGroup
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import Branch
from engine.sampling.denoising import LATENT_CHANNELS

_PATCH = 4
_TIME_WAVES = 256


def attention_pairs(groups: Sequence[RowGroup]) -> int:
    """Return how many pairs of a query and a key an adapter's attention looks at in one block."""
    return sum(group.rows_GR.numel() * sum(window.shape[1] for window in group.windows) for group in groups)


def step_flop(options: StepOptions, branches: Collection[Branch], pairs: Mapping[AdapterName, int]) -> int:
    """Return the operations of one step with keys and values from a bank, for the branches it computes.

    Block 0's self-attention counts once, every other block's for each branch. `pairs`: see attention_pairs.
    """
    tokens, width = options.tokens, options.width
    self_attention = 4 * _product(tokens, width, width) + _attention(tokens * tokens, width)
    feed_forward = 2 * _product(tokens, width, options.feed_forward)
    cross_attention = 2 * _product(tokens, width, width) + _attention(
        tokens * (TEXT_TOKENS + IMAGE_TOKENS), width
    )
    adapters = sum(_attention(pairs[name], width) for branch in branches for name in branch.adapters)
    count = len(branches)
    blocks = options.blocks * (count * (cross_attention + feed_forward) + adapters)
    blocks += (options.blocks * count - (count - 1)) * self_attention
    return blocks + _embedding(options) + count * _product(tokens, width, _PATCH * LATENT_CHANNELS)


def _embedding(options: StepOptions) -> int:
    """Return the operations of the patches' and the timestep's embedding."""
    width = options.width
    patches = _product(options.tokens, _PATCH * (LATENT_CHANNELS + PLATE_CHANNELS), width)
    return patches + _product(1, _TIME_WAVES, width) + 7 * _product(1, width, width)


def _product(rows: int, inner: int, columns: int) -> int:
    return 2 * rows * inner * columns


def _attention(pairs: int, width: int) -> int:
    """Return the operations of the scores and of the weighted sum over all heads."""
    return 4 * pairs * width
