"""Latents back to pictures, one latent frame at a time, the picture whole or in blended tiles.

Neither the latents on the device nor the decoded video grow with the length of the shot: the VAE's own
`decode` would keep all of both there. Shapes: C = 16 latent channels, D feature channels, F latent frames,
h, w latent rows and columns, t = 1 video frame for the first latent frame and 4 for each other, H = 8h,
W = 8w pixels.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

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
    features_on,
    never_stop,
)
from engine.conditioning.vae_halves import decoder_inner, decoder_outer
from engine.conditioning.vae_tiles import Tile, tiles_of
from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS
from engine.planning.vae_memory import BLEND_BYTES

_PROCESSOR = torch.device("cpu")


def decode_latents(
    vae: AutoencoderKLWan,
    latents_CFhw: Tensor,
    device: torch.device,
    *,
    tile_latents: int | None = None,
    check: Callable[[], None] = never_stop,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the video frames of normalised latents as uint8 BGR [H, W, 3].

    The VAE lies on `device`; the latents may lie elsewhere. `tile_latents` is the side of tiles, None for
    whole pictures. Raises UserError where the result holds no numbers, and what `check` raises before a
    latent frame of a tile.
    """
    for chunk_CtHW in decoded_chunks(vae, latents_CFhw, device, tile_latents=tile_latents, check=check):
        yield from _levels(chunk_CtHW)


def decoded_chunks(
    vae: AutoencoderKLWan,
    latents_CFhw: Tensor,
    device: torch.device,
    *,
    tile_latents: int | None = None,
    blend_bytes: int = BLEND_BYTES,
    check: Callable[[], None] = never_stop,
) -> Iterator[Tensor]:
    """Yield each latent frame's video frames as RGB in -1..1, [3, t, H, W] float32.

    Whole pictures lie on the device, blended ones on the processor, where features and pictures of at most
    `blend_bytes` (one latent frame's at least) are held at a time. In a shot that needs more, each tile's
    memory of earlier frames waits on the processor while the other tiles have their turn.
    """
    decoder = _ChunkDecoder(vae=vae, device=device, check=check)
    rows, columns = latents_CFhw.shape[2:]
    tiles = tiles_of(rows, columns, tile_latents, points=LATENT_PIXELS)
    if len(tiles) > 1:
        channels = vae.decoder.conv_in.out_channels
        at_once = frames_at_once(rows, columns, feature_channels=channels, blend_bytes=blend_bytes)
        yield from _blended_chunks(decoder, latents_CFhw, tiles, at_once)
        return
    remembered = empty_feature_cache(vae.decoder)
    for index in range(latents_CFhw.shape[1]):
        yield decoder.decoded(latents_CFhw, index, remembered)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChunkDecoder:
    """Decodes a latent frame, at once or in the halves of `vae_halves`."""

    vae: AutoencoderKLWan
    device: torch.device
    check: Callable[[], None]

    @torch.no_grad()
    def decoded(self, latents_CFhw: Tensor, index: int, remembered: FeatureCache) -> Tensor:
        """Return the video frames [3, t, H, W] in -1..1."""
        hidden = self._hidden(latents_CFhw, index)
        return _video(self.vae.decoder(hidden, feat_cache=remembered, feat_idx=[0], first_chunk=index == 0))

    @torch.no_grad()
    def features(self, latents_CFhw: Tensor, index: int, remembered: FeatureCache) -> Tensor:
        """Return the features [1, D, 1, h, w] of the whole picture, on the processor."""
        return decoder_inner(self.vae.decoder, self._hidden(latents_CFhw, index), remembered).to(_PROCESSOR)

    @torch.no_grad()
    def outer(self, features_1D1hw: Tensor, remembered: FeatureCache, *, is_first: bool) -> Tensor:
        """Return the video frames of a tile's features, on the processor."""
        self.check()
        features = features_1D1hw.to(self.device)
        return _video(decoder_outer(self.vae.decoder, features, remembered, is_first=is_first)).to(_PROCESSOR)

    def _hidden(self, latents_CFhw: Tensor, index: int) -> Tensor:
        self.check()
        latents_C1hw = latents_CFhw[:, index : index + 1].to(device=self.device, dtype=torch.float32)
        hidden_1C1hw = denormalised(self.vae, latents_C1hw)[None].to(self.vae.dtype)
        return self.vae.post_quant_conv(hidden_1C1hw)


def _video(decoded_13tHW: Tensor) -> Tensor:
    return require_numbers(decoded_13tHW[0].float(), "The VAE").clamp(-1.0, 1.0)


def _blended_chunks(
    decoder: _ChunkDecoder, latents_CFhw: Tensor, tiles: list[Tile], at_once: int
) -> Iterator[Tensor]:
    latent_frames, rows, columns = latents_CFhw.shape[1:]
    remembered = empty_feature_cache(decoder.vae.decoder)
    waiting = [empty_feature_cache(decoder.vae.decoder) for _ in tiles]
    for start in range(0, latent_frames, at_once):
        visit = range(start, min(start + at_once, latent_frames))
        chunks = deque(
            _Chunk(
                features_1D1hw=decoder.features(latents_CFhw, index, remembered),
                video_3tHW=_empty_video(rows, columns, is_first=index == 0),
                is_first=index == 0,
            )
            for index in visit
        )
        for number, tile in enumerate(tiles):
            features = features_on(waiting[number], decoder.device)
            waiting[number] = []
            _add_tile(decoder, chunks, tile, features)
            if visit.stop < latent_frames:
                waiting[number] = features_on(features, _PROCESSOR)
            features.clear()  # nothing of it stays on the device while the pictures are used
        while chunks:
            yield chunks.popleft().video_3tHW


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """A latent frame on the processor: what the decoder's outer half gets, and what it made so far."""

    features_1D1hw: Tensor
    video_3tHW: Tensor
    is_first: bool


def _add_tile(decoder: _ChunkDecoder, chunks: Iterable[_Chunk], tile: Tile, remembered: FeatureCache) -> None:
    for chunk in chunks:
        features = chunk.features_1D1hw[..., *tile.area()]
        decoded = decoder.outer(features, remembered, is_first=chunk.is_first)
        chunk.video_3tHW[..., *tile.area(LATENT_PIXELS)].addcmul_(decoded, tile.shares_hw)


def frames_at_once(rows: int, columns: int, *, feature_channels: int, blend_bytes: int = BLEND_BYTES) -> int:
    """Return how many latent frames are decoded in tiles at a time; at least one."""
    values = 3 * FRAMES_PER_LATENT * LATENT_PIXELS**2 + feature_channels
    return max(blend_bytes // (rows * columns * values * torch.float32.itemsize), 1)


def _empty_video(rows: int, columns: int, *, is_first: bool) -> Tensor:
    frames = 1 if is_first else FRAMES_PER_LATENT
    return torch.zeros(3, frames, rows * LATENT_PIXELS, columns * LATENT_PIXELS)


def _levels(chunk_CtHW: Tensor) -> NDArray[np.uint8]:
    """Return pictures [t, H, W, 3] in BGR, each level rounded to the nearest.

    The published code cuts the fraction off, which darkens every picture by half a level on average. A
    long shot feeds its last pictures to the next segment, where that would add up.
    """
    levels_CtHW = ((chunk_CtHW + 1.0) * 127.5).round().to(torch.uint8)
    return levels_CtHW.flip(0).permute(1, 2, 3, 0).contiguous().cpu().numpy()
