"""How many floating-point operations a benchmarked step takes: those that a plan counts, of a real shot."""

from collections.abc import Collection, Mapping, Sequence

from engine.benchmark.step_model import IMAGE_TOKENS, PLATE_CHANNELS
from engine.benchmark.step_options import StepOptions
from engine.networks.adapter_attention import RowGroup
from engine.planning import flop
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import Branch
from engine.planning.network_sizes import TransformerSize
from engine.sampling.denoising import LATENT_CHANNELS

TIME_WAVES = 256


def attention_pairs(groups: Sequence[RowGroup]) -> int:
    """Return how many pairs of a query and a key an adapter's attention looks at in one block."""
    return sum(group.rows_GR.numel() * sum(window.shape[1] for window in group.windows) for group in groups)


def step_flop(options: StepOptions, branches: Collection[Branch], pairs: Mapping[AdapterName, int]) -> int:
    """Return the operations of one step for the branches it computes. `pairs`: see attention_pairs."""
    speaking = [branch.adapters for branch in branches]
    return flop.step_flop(transformer_size(options), options.tokens, speaking, pairs).total


def transformer_size(options: StepOptions) -> TransformerSize:
    """Return the sizes of the random transformer."""
    return TransformerSize(
        width=options.width,
        heads=options.heads,
        blocks=options.blocks,
        feed_forward=options.feed_forward,
        frequency_width=TIME_WAVES,
        text_width=options.text_width,
        image_width=options.image_width,
        image_tokens=IMAGE_TOKENS,
        channels_in=LATENT_CHANNELS + PLATE_CHANNELS,
        channels_out=LATENT_CHANNELS,
    )
