"""Latents back to pictures, one latent frame at a time, the picture whole or in blended tiles.

Neither the latents on the device nor the decoded video grow with the length of the shot: the VAE's own
`decode` would keep all of both there. Shapes: C = 16 latent channels, F latent frames, h, w latent rows and
columns, t = 1 video frame for the first latent frame and 4 for each other, H = 8h, W = 8w pixels.
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
from engine.conditioning.vae_tiles import Tile, tiles_of
from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS

BLEND_BYTES = 1024**3
"""Enough for 81 frames of 1280 x 720: a tile is then decoded to its end in one visit."""

_PROCESSOR = torch.device("cpu")
_PIXEL_BYTES = 3 * 4


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

    Whole pictures lie on the device, blended ones on the processor, where pictures of at most `blend_bytes`
    (one latent frame's at least) are blended at a time. In a shot that needs more, each tile's memory of
    earlier frames waits on the processor while the other tiles have their turn.
    """
    decoder = _ChunkDecoder(vae=vae, device=device, check=check)
    rows, columns = latents_CFhw.shape[2:]
    tiles = tiles_of(rows, columns, tile_latents, points=LATENT_PIXELS)
    if len(tiles) > 1:
        yield from _blended_chunks(decoder, latents_CFhw, tiles, blend_bytes)
        return
    remembered = empty_feature_cache(vae.decoder)
    for index in range(latents_CFhw.shape[1]):
        yield decoder.decoded(latents_CFhw, index, remembered)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChunkDecoder:
    vae: AutoencoderKLWan
    device: torch.device
    check: Callable[[], None]

    @torch.no_grad()
    def decoded(self, latents_CFhw: Tensor, index: int, remembered: FeatureCache) -> Tensor:
        self.check()
        latents_C1hw = latents_CFhw[:, index : index + 1].to(device=self.device, dtype=torch.float32)
        hidden = self.vae.post_quant_conv(denormalised(self.vae, latents_C1hw)[None].to(self.vae.dtype))
        decoded = self.vae.decoder(hidden, feat_cache=remembered, feat_idx=[0], first_chunk=index == 0)
        return require_numbers(decoded[0].float(), "The VAE").clamp(-1.0, 1.0)


def _blended_chunks(
    decoder: _ChunkDecoder, latents_CFhw: Tensor, tiles: list[Tile], blend_bytes: int
) -> Iterator[Tensor]:
    latent_frames, rows, columns = latents_CFhw.shape[1:]
    waiting = [empty_feature_cache(decoder.vae.decoder) for _ in tiles]
    at_once = frames_at_once(rows, columns, blend_bytes)
    for start in range(0, latent_frames, at_once):
        visit = range(start, min(start + at_once, latent_frames))
        chunks = deque(_empty_chunk(rows, columns, is_first=index == 0) for index in visit)
        for number, tile in enumerate(tiles):
            remembered, waiting[number] = features_on(waiting[number], decoder.device), []
            _add_tile(decoder, latents_CFhw, tile, zip(visit, chunks, strict=True), remembered)
            if visit.stop < latent_frames:
                waiting[number] = features_on(remembered, _PROCESSOR)
            remembered.clear()  # nothing of it stays on the device while the pictures are used
        while chunks:
            yield chunks.popleft()


def _add_tile(
    decoder: _ChunkDecoder,
    latents_CFhw: Tensor,
    tile: Tile,
    chunks: Iterable[tuple[int, Tensor]],
    remembered: FeatureCache,
) -> None:
    for index, chunk_CtHW in chunks:
        decoded = decoder.decoded(latents_CFhw[:, :, *tile.area()], index, remembered)
        chunk_CtHW[..., *tile.area(LATENT_PIXELS)].addcmul_(decoded.to(_PROCESSOR), tile.shares_hw)


def frames_at_once(rows: int, columns: int, blend_bytes: int = BLEND_BYTES) -> int:
    """Return of how many latent frames pictures are blended at a time; at least one."""
    return max(blend_bytes // (FRAMES_PER_LATENT * rows * columns * LATENT_PIXELS**2 * _PIXEL_BYTES), 1)


def _empty_chunk(rows: int, columns: int, *, is_first: bool) -> Tensor:
    frames = 1 if is_first else FRAMES_PER_LATENT
    return torch.zeros(3, frames, rows * LATENT_PIXELS, columns * LATENT_PIXELS)


def _levels(chunk_CtHW: Tensor) -> NDArray[np.uint8]:
    """Return pictures [t, H, W, 3] in BGR, each level rounded to the nearest.

    The published code cuts the fraction off, which darkens every picture by half a level on average. A
    long shot feeds its last pictures to the next segment, where that would add up.
    """
    levels_CtHW = ((chunk_CtHW + 1.0) * 127.5).round().to(torch.uint8)
    return levels_CtHW.flip(0).permute(1, 2, 3, 0).contiguous().cpu().numpy()
