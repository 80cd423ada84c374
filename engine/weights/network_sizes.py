"""The sizes of loaded networks by the catalogue's names of dimensions.

To hold parts against each other, and to plan what a render needs without loading them.
"""

from diffusers.configuration_utils import FrozenDict
from torch import nn
from transformers import CLIPVisionConfig, UMT5Config, Wav2Vec2Config

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


def text_encoder_sizes(config: UMT5Config) -> PartSizes:
    """Return the sizes of a text encoder by its config."""
    return {
        "text_width": config.d_model,
        "text_vocabulary": config.vocab_size,
        "text_layers": config.num_layers,
        "text_heads": config.num_heads,
        "text_feed_forward": config.d_ff,
    }


def image_encoder_sizes(config: CLIPVisionConfig) -> PartSizes:
    """Return the sizes of an image encoder by its config."""
    return {
        "image_width": config.hidden_size,
        "image_tokens": (config.image_size // config.patch_size) ** 2 + 1,
        "image_layers": config.num_hidden_layers,
        "image_heads": config.num_attention_heads,
        "image_feed_forward": config.intermediate_size,
    }


def speech_encoder_sizes(config: Wav2Vec2Config) -> PartSizes:
    """Return the sizes of a speech encoder by its config."""
    return {
        "speech_width": config.hidden_size,
        "speech_channels": config.conv_dim[0],
        "speech_layers": config.num_hidden_layers,
        "speech_heads": config.num_attention_heads,
        "speech_feed_forward": config.intermediate_size,
    }


def vae_sizes(config: FrozenDict) -> PartSizes:
    """Return the sizes of a VAE by its config; `vae_channels` are those of its pictures' own size."""
    return {
        "latent_channels": config.z_dim,
        "vae_channels": config.base_dim,
        "vae_residual_blocks": config.num_res_blocks,
    }


def parameter_count(*modules: nn.Module) -> int:
    """Return how many numbers the modules learned."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
