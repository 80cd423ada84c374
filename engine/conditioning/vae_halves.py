"""The VAE's decoder and encoder in two halves: one that looks at the whole picture, one at neighbours only.

At the latents' resolution a layer of attention looks at the whole picture, which makes the tone of each
part depend on all others. That half is small: tiles of one picture share its result. The half between there
and the pixels is convolutions, and nearly all of the memory. Shapes: C = 16 latent channels, D channels
between the halves, h, w latent rows and columns, t = 1 video frame for the first latent frame and 4 for each
other, H = 8h, W = 8w pixels. Source: diffusers' `WanDecoder3d` and `WanEncoder3d`.
"""

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d, WanDecoder3d, WanEncoder3d
from torch import Tensor

from engine.conditioning.vae_chunks import FeatureCache

_REMEMBERED_FRAMES = 2


def decoder_inner(decoder: WanDecoder3d, latents_1C1hw: Tensor, remembered: FeatureCache) -> Tensor:
    """Return a latent frame's features [1, D, 1, h, w] behind the middle block."""
    position = [0]
    features = _remembering(decoder.conv_in, latents_1C1hw, remembered, position)
    return decoder.mid_block(features, feat_cache=remembered, feat_idx=position)


def decoder_outer(
    decoder: WanDecoder3d, features_1D1hw: Tensor, remembered: FeatureCache, *, is_first: bool
) -> Tensor:
    """Return the video frames [1, 3, t, H, W] of a latent frame's features."""
    position = [0]
    features = features_1D1hw
    for up_block in decoder.up_blocks:
        features = up_block(features, feat_cache=remembered, feat_idx=position, first_chunk=is_first)
    features = decoder.nonlinearity(decoder.norm_out(features))
    return _remembering(decoder.conv_out, features, remembered, position)


def encoder_outer(encoder: WanEncoder3d, chunk_13tHW: Tensor, remembered: FeatureCache) -> Tensor:
    """Return the features [1, D, 1, h, w] of a latent frame's video frames, before the middle block."""
    position = [0]
    features = _remembering(encoder.conv_in, chunk_13tHW, remembered, position)
    for layer in encoder.down_blocks:
        features = layer(features, feat_cache=remembered, feat_idx=position)
    return features


def encoder_inner(encoder: WanEncoder3d, features_1D1hw: Tensor, remembered: FeatureCache) -> Tensor:
    """Return the mean and variance [1, 2C, 1, h, w] of a latent frame's features."""
    position = [0]
    features = encoder.mid_block(features_1D1hw, feat_cache=remembered, feat_idx=position)
    features = encoder.nonlinearity(encoder.norm_out(features))
    return _remembering(encoder.conv_out, features, remembered, position)


def _remembering(
    convolution: WanCausalConv3d, frames_1DtHW: Tensor, remembered: FeatureCache, position: list[int]
) -> Tensor:
    """Convolve a chunk behind the last frames of those before it, and remember its own last ones."""
    earlier = remembered[position[0]]
    last = frames_1DtHW[:, :, -_REMEMBERED_FRAMES:].clone()
    if isinstance(earlier, Tensor) and last.shape[2] < _REMEMBERED_FRAMES:
        last = torch.cat([earlier[:, :, -1:], last], dim=2)
    convolved: Tensor = convolution(frames_1DtHW, earlier)
    remembered[position[0]] = last
    position[0] += 1
    return convolved
