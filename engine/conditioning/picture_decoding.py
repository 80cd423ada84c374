"""Latents back to pictures, one latent frame at a time.

Neither the latents on the device nor the decoded video grow with the length of the shot: the VAE's own
`decode` would keep all of both there. Shapes: C = 16 latent channels, F latent frames, h, w latent rows and
columns, t = 1 video frame for the first latent frame and 4 for each other, H = 8h, W = 8w pixels.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray
from torch import Tensor

from engine.conditioning.finite_values import require_numbers
from engine.conditioning.vae_chunks import (
    FeatureCache,
    denormalised,
    empty_feature_cache,
    never_stop,
)


def decode_latents(
    vae: AutoencoderKLWan,
    latents_CFhw: Tensor,
    device: torch.device,
    *,
    check: Callable[[], None] = never_stop,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the video frames of normalised latents as uint8 BGR [H, W, 3].

    The VAE lies on `device`; the latents may lie elsewhere. Raises UserError where the result holds no
    numbers, and what `check` raises before a latent frame.
    """
    for chunk_CtHW in decoded_chunks(vae, latents_CFhw, device, check=check):
        yield from _levels(chunk_CtHW)


def decoded_chunks(
    vae: AutoencoderKLWan,
    latents_CFhw: Tensor,
    device: torch.device,
    *,
    check: Callable[[], None] = never_stop,
) -> Iterator[Tensor]:
    """Yield each latent frame's video frames as RGB in -1..1, [3, t, H, W] float32 on the device."""
    remembered = empty_feature_cache(vae.decoder)
    for index in range(latents_CFhw.shape[1]):
        check()
        latents_C1hw = latents_CFhw[:, index : index + 1].to(device=device, dtype=torch.float32)
        yield _decoded(vae, latents_C1hw, remembered, is_first=index == 0)


@torch.no_grad()
def _decoded(
    vae: AutoencoderKLWan, latents_C1hw: Tensor, remembered: FeatureCache, *, is_first: bool
) -> Tensor:
    hidden = vae.post_quant_conv(denormalised(vae, latents_C1hw)[None].to(vae.dtype))
    decoded = vae.decoder(hidden, feat_cache=remembered, feat_idx=[0], first_chunk=is_first)
    return require_numbers(decoded[0].float(), "The VAE").clamp(-1.0, 1.0)


def _levels(chunk_CtHW: Tensor) -> NDArray[np.uint8]:
    """Return pictures [t, H, W, 3] in BGR, each level rounded to the nearest.

    The published code cuts the fraction off, which darkens every picture by half a level on average. A
    long shot feeds its last pictures to the next segment, where that would add up.
    """
    levels_CtHW = ((chunk_CtHW + 1.0) * 127.5).round().to(torch.uint8)
    return levels_CtHW.flip(0).permute(1, 2, 3, 0).contiguous().cpu().numpy()
