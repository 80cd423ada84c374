"""The plate, and the last frames of the segment before, as the transformer's condition.

Shapes: K known video frames (1 or 4m+1), T = 4k+1 video frames of the segment, F = k+1 latent frames,
H, W pixels (multiples of 8), h = H/8, w = W/8, C = 16 latent channels.
Source: Wan2.1's image-to-video condition, as in FantasyPortrait's `encode_image` and diffusers'
`WanImageToVideoPipeline.prepare_latents`; several known frames as in FantasyPortrait's long videos.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray
from torch import Tensor

from engine.conditioning.condition_cache import ConditionCache, array_digest, cache_key
from engine.conditioning.finite_values import require_numbers
from engine.conditioning.vae_chunks import empty_feature_cache, never_stop, normalised
from engine.conditioning.vae_halves import encoder_inner, encoder_outer
from engine.conditioning.vae_tiles import Tile, tiles_of
from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS, latent_frame_count
from engine.protocol.errors import BugError

MASK_CHANNELS = 4
PLATE_VERSION = 2

_WHOLE = 0
_EVERYWHERE = (slice(None), slice(None))


def kept_plate_condition(
    cache: ConditionCache,
    known_BGR_THWC: NDArray[np.uint8],
    frame_count: int,
    *,
    weights: str,
    tile_latents: int | None,
    encode: Callable[[], Tensor],
) -> Tensor:
    """Return what `encode` returns (see `plate_condition`), the condition of a single plate kept for others.

    The encoder looks back only, so a segment reads what a longer one of the same plate has kept; a longer
    one is encoded and kept instead. What was encoded whole also serves a plan with tiles. Several known
    frames come once: they are not kept. `weights` identifies the VAE and its number format.
    """
    if len(known_BGR_THWC) > 1:
        return encode()
    height, width = known_BGR_THWC.shape[1:3]
    tiles = tiles_of(height // LATENT_PIXELS, width // LATENT_PIXELS, tile_latents)
    side = _WHOLE if tile_latents is None or len(tiles) == 1 else tile_latents
    latent_frames = latent_frame_count(frame_count)

    def suits(kept: Mapping[str, Tensor]) -> bool:
        return kept["plate"].shape[1] >= latent_frames and int(kept["tile_latents"]) in (_WHOLE, side)

    def make() -> dict[str, Tensor]:
        return {"plate": encode(), "tile_latents": torch.tensor(side)}

    key = cache_key("plate", version=PLATE_VERSION, known=array_digest(known_BGR_THWC), weights=weights)
    return cache.tensors(key, make, suits=suits)["plate"][:, :latent_frames]


def plate_condition(
    vae: AutoencoderKLWan,
    known_BGR_THWC: NDArray[np.uint8],
    frame_count: int,
    device: torch.device,
    *,
    tile_latents: int | None = None,
    check: Callable[[], None] = never_stop,
) -> Tensor:
    """Return [4 + C, F, h, w] float32 on the processor: the mask of known frames, then normalised latents.

    What is not known is encoded as middle grey (zeros). Each mask channel is one of a latent frame's four
    video frames; the first video frame fills all four. The VAE lies on `device`, which holds one chunk at a
    time, in tiles of `tile_latents` latents a side where that is given: their features are blended. Raises
    BugError for counts and sizes that are no whole latents, UserError where the result holds no numbers,
    and what `check` raises before a chunk of a tile.
    """
    _require_whole_latents(known_BGR_THWC, frame_count)
    encoder = _ChunkEncoder(vae=vae, known_BGR_THWC=known_BGR_THWC, device=device, check=check)
    rows, columns = (pixels // LATENT_PIXELS for pixels in known_BGR_THWC.shape[1:3])
    tiles = tiles_of(rows, columns, tile_latents)
    latent_frames, known_latents = latent_frame_count(frame_count), latent_frame_count(len(known_BGR_THWC))
    chunks = range(min(latent_frames, known_latents + _chunks_until_settled(vae)))
    latents = encoder.whole(chunks) if len(tiles) == 1 else encoder.blended(chunks, tiles)
    latents += latents[-1:] * (latent_frames - len(chunks))
    latents_CFhw = require_numbers(normalised(vae, torch.cat(latents, dim=1)), "The VAE")
    mask_MFhw = torch.zeros(MASK_CHANNELS, *latents_CFhw.shape[1:])
    mask_MFhw[:, :known_latents] = 1.0
    return torch.cat([mask_MFhw, latents_CFhw])


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChunkEncoder:
    """Encodes video frames chunk by chunk, at once or in the halves of `vae_halves`."""

    vae: AutoencoderKLWan
    known_BGR_THWC: NDArray[np.uint8]
    device: torch.device
    check: Callable[[], None]

    @torch.no_grad()
    def whole(self, chunks: range) -> list[Tensor]:
        """Return each chunk's latents [C, 1, h, w], on the processor."""
        remembered = empty_feature_cache(self.vae.encoder)
        return [
            self._mean(self.vae.encoder(self._chunk(chunk), feat_cache=remembered, feat_idx=[0]))
            for chunk in chunks
        ]

    @torch.no_grad()
    def blended(self, chunks: range, tiles: list[Tile]) -> list[Tensor]:
        """Return the same by way of features that are blended from tiles, on the processor."""
        height, width = (pixels // LATENT_PIXELS for pixels in self.known_BGR_THWC.shape[1:3])
        channels = self.vae.encoder.conv_out.in_channels
        features = [torch.zeros(1, channels, 1, height, width) for _ in chunks]
        for tile in tiles:
            remembered = empty_feature_cache(self.vae.encoder)
            for chunk in chunks:
                chunk_13tHW = self._chunk(chunk, tile.area(LATENT_PIXELS))
                made = encoder_outer(self.vae.encoder, chunk_13tHW, remembered).float().cpu()
                features[chunk][..., *tile.area()].addcmul_(made, tile.shares_hw)
        return self._inner(features)

    def _inner(self, features: list[Tensor]) -> list[Tensor]:
        remembered = empty_feature_cache(self.vae.encoder)
        latents = []
        for features_1D1hw in features:
            self.check()
            features_on_device = features_1D1hw.to(device=self.device, dtype=self.vae.dtype)
            latents.append(self._mean(encoder_inner(self.vae.encoder, features_on_device, remembered)))
        return latents

    def _chunk(self, chunk: int, area: tuple[slice, slice] = _EVERYWHERE) -> Tensor:
        self.check()
        start, stop = _chunk_bounds(chunk)
        chunk_13tHW = _signed_chunk(self.known_BGR_THWC[:, *area], start, stop)
        return chunk_13tHW.to(device=self.device, dtype=self.vae.dtype)

    def _mean(self, hidden: Tensor) -> Tensor:
        """A Gaussian's mean is its most likely value; the other half of the channels is its variance."""
        mean_C1hw: Tensor = self.vae.quant_conv(hidden)[0, : self.vae.config.z_dim]
        return mean_C1hw.float().cpu()


def _require_whole_latents(known_BGR_THWC: NDArray[np.uint8], frame_count: int) -> None:
    known_count, height, width = known_BGR_THWC.shape[:3]
    if latent_frame_count(known_count) > latent_frame_count(frame_count):
        raise BugError(f"{known_count} known frames are more than the {frame_count} of the segment")
    if height % LATENT_PIXELS or width % LATENT_PIXELS:
        raise BugError(f"{width} x {height} pixels are not whole latents")


def _chunk_bounds(chunk: int) -> tuple[int, int]:
    """Return a latent frame's video frames, first and behind the last: 0 to 1, 1 to 5, 5 to 9 ..."""
    stop = 1 + chunk * FRAMES_PER_LATENT
    return max(stop - FRAMES_PER_LATENT, 0), stop


def _signed_chunk(known_BGR_THWC: NDArray[np.uint8], start: int, stop: int) -> Tensor:
    """Return video frames as RGB in -1..1, [1, 3, t, H, W] float32; zeros where they are not known.

    Known frames are 4m+1, so a chunk is known wholly or not at all.
    """
    height, width = known_BGR_THWC.shape[1:3]
    if start >= len(known_BGR_THWC):
        return torch.zeros(1, 3, stop - start, height, width)
    frames_RGB_THWC = np.ascontiguousarray(known_BGR_THWC[start:stop, :, :, ::-1])
    return torch.from_numpy(frames_RGB_THWC).permute(3, 0, 1, 2)[None].float() / 127.5 - 1.0


def _chunks_until_settled(vae: AutoencoderKLWan) -> int:
    """Return after how many equal chunks the encoder's result stays the same for good.

    A convolution over time remembers two frames, so at most two chunks: its output settles at most two
    chunks after its input. In Wan2.1 that bounds the work on a long shot's grey frames.
    """
    return 2 * sum(
        isinstance(module, torch.nn.Conv3d) and module.kernel_size[0] > 1 for module in vae.encoder.modules()
    )
