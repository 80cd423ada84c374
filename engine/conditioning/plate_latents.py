"""The plate, and the last frames of the segment before, as the transformer's condition.

Shapes: K known video frames (1 or 4m+1), T = 4k+1 video frames of the segment, F = k+1 latent frames,
H, W pixels (multiples of 8), h = H/8, w = W/8, C = 16 latent channels.
Source: Wan2.1's image-to-video condition, as in FantasyPortrait's `encode_image` and diffusers'
`WanImageToVideoPipeline.prepare_latents`; several known frames as in FantasyPortrait's long videos.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray
from torch import Tensor

from engine.conditioning.condition_cache import ConditionCache, array_digest, cache_key
from engine.conditioning.finite_values import require_numbers
from engine.conditioning.vae_chunks import empty_feature_cache, never_stop, normalised
from engine.conditioning.vae_tiles import tiles_of
from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS, latent_frame_count
from engine.protocol.errors import BugError

MASK_CHANNELS = 4
PLATE_VERSION = 1
KEPT_VERSION = 2

_WHOLE = 0


def plate_key(known_BGR_THWC: NDArray[np.uint8], frame_count: int, *, weights: str, precision: str) -> str:
    """Return the cache's name of a condition; `weights` identifies the VAE."""
    return cache_key(
        "plate",
        version=PLATE_VERSION,
        known=array_digest(known_BGR_THWC),
        frame_count=frame_count,
        weights=weights,
        precision=precision,
    )


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

    key = cache_key("plate", version=KEPT_VERSION, known=array_digest(known_BGR_THWC), weights=weights)
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
    time, in tiles of `tile_latents` latents a side where that is given: their latents are blended. Raises
    BugError for counts and sizes that are no whole latents, UserError where the result holds no numbers,
    and what `check` raises before a chunk of a tile.
    """
    _require_whole_latents(known_BGR_THWC, frame_count)
    rows, columns = (pixels // LATENT_PIXELS for pixels in known_BGR_THWC.shape[1:3])
    latents_CFhw = torch.zeros(vae.config.z_dim, latent_frame_count(frame_count), rows, columns)
    for tile in tiles_of(rows, columns, tile_latents):
        known_tile = known_BGR_THWC[:, *tile.area(LATENT_PIXELS)]
        encoded = _encoded(vae, known_tile, frame_count, device, check)
        latents_CFhw[..., *tile.area()].addcmul_(encoded, tile.shares_hw)
    mask_MFhw = torch.zeros(MASK_CHANNELS, *latents_CFhw.shape[1:])
    mask_MFhw[:, : latent_frame_count(len(known_BGR_THWC))] = 1.0
    return torch.cat([mask_MFhw, latents_CFhw])


@torch.no_grad()
def _encoded(
    vae: AutoencoderKLWan,
    known_BGR_THWC: NDArray[np.uint8],
    frame_count: int,
    device: torch.device,
    check: Callable[[], None],
) -> Tensor:
    remembered = empty_feature_cache(vae.encoder)
    settled = _chunks_until_settled(vae)
    latents: list[Tensor] = []
    grey_chunks = 0
    for start, stop in _chunk_bounds(frame_count):
        check()
        grey_chunks += start >= len(known_BGR_THWC)
        if grey_chunks > settled:
            latents.append(latents[-1])
            continue
        chunk_1CTHW = _signed_chunk(known_BGR_THWC, start, stop).to(device=device, dtype=vae.dtype)
        hidden = vae.encoder(chunk_1CTHW, feat_cache=remembered, feat_idx=[0])
        # a Gaussian's mean is its most likely value; the other half of the channels is its variance
        latents.append(vae.quant_conv(hidden)[0, : vae.config.z_dim].float().cpu())
    return require_numbers(normalised(vae, torch.cat(latents, dim=1)), "The VAE")


def _require_whole_latents(known_BGR_THWC: NDArray[np.uint8], frame_count: int) -> None:
    known_count, height, width = known_BGR_THWC.shape[:3]
    if latent_frame_count(known_count) > latent_frame_count(frame_count):
        raise BugError(f"{known_count} known frames are more than the {frame_count} of the segment")
    if height % LATENT_PIXELS or width % LATENT_PIXELS:
        raise BugError(f"{width} x {height} pixels are not whole latents")


def _chunk_bounds(frame_count: int) -> Iterator[tuple[int, int]]:
    """Yield the video frames of each latent frame, first and behind the last: 0 to 1, 1 to 5, 5 to 9 ..."""
    yield 0, 1
    for start in range(1, frame_count, FRAMES_PER_LATENT):
        yield start, start + FRAMES_PER_LATENT


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
