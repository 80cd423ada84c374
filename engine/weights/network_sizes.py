"""The sizes of loaded networks by the catalogue's names of dimensions, to hold parts against each other."""

from diffusers.configuration_utils import FrozenDict

from engine.networks.adapter_projections import AdapterProjections
from engine.weights.part_fit import PartSizes


def transformer_sizes(config: FrozenDict) -> PartSizes:
    """Return the sizes of a transformer by its config."""
    return {
        "width": config.num_attention_heads * config.attention_head_dim,
        "heads": config.num_attention_heads,
        "blocks": config.num_layers,
        "feed_forward": config.ffn_dim,
        "frequency_width": config.freq_dim,
        "text_width": config.text_dim,
        "image_width": config.image_dim,
        "channels_in": config.in_channels,
        "channels_out": config.out_channels,
        "latent_channels": config.out_channels,
    }


def adapter_sizes(projections: AdapterProjections) -> PartSizes:
    """Return the sizes of an adapter by its projections."""
    return {
        "adapter_width": projections.width,
        "width": projections.model_width,
        "blocks": len(projections.keys),
    }
