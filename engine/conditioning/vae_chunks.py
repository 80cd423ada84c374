"""What encoding and decoding chunk by chunk share: the VAE's memory of earlier frames, the latents' scale.

Wan2.1's VAE is causal in time: each of its convolutions remembers the last frames it saw, so a video can
pass in chunks (the first frame alone, then four at a time; one latent frame each) with the same result.
Shapes: C = 16 latent channels, F latent frames, h, w latent rows and columns.
"""

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d
from torch import Tensor, nn

FeatureCache = list[Tensor | str | None]
"""One entry for each causal convolution; the VAE's own code fills it from chunk to chunk."""


def never_stop() -> None:
    """Let every chunk pass: the `check` of work that nobody can stop."""


def empty_feature_cache(part: nn.Module) -> FeatureCache:
    """Return the memory of a VAE's encoder or decoder before its first chunk."""
    return [None] * sum(isinstance(module, WanCausalConv3d) for module in part.modules())


def features_on(features: FeatureCache, device: torch.device) -> FeatureCache:
    """Return a memory that lies on a device; what is there already is not copied."""
    return [entry.to(device) if isinstance(entry, Tensor) else entry for entry in features]


def normalised(vae: AutoencoderKLWan, latents_CFhw: Tensor) -> Tensor:
    """Return the VAE's latents as the transformer has them: mean 0, deviation 1 for each channel."""
    mean, scale = _mean_and_scale(vae, latents_CFhw)
    return (latents_CFhw - mean) * scale


def denormalised(vae: AutoencoderKLWan, latents_CFhw: Tensor) -> Tensor:
    """Return the transformer's latents as the VAE has them."""
    mean, scale = _mean_and_scale(vae, latents_CFhw)
    return latents_CFhw / scale + mean


def _mean_and_scale(vae: AutoencoderKLWan, latents_CFhw: Tensor) -> tuple[Tensor, Tensor]:
    shape = (-1, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(latents_CFhw)
    deviation = torch.tensor(vae.config.latents_std).view(shape).to(latents_CFhw)
    return mean, 1.0 / deviation
