"""The plate as CLIP's vision tower sees it.

Shapes: H, W the plate's pixels, S the side of the tower's input, K = 1 + patches (ViT-H/14 at 224: 257),
D its width (1280). Source: Wan2.1's image conditioning, `WanImageEncoder.encode_image` in FantasyPortrait.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.conditioning.condition_cache import array_digest, cache_key
from engine.conditioning.finite_values import require_numbers
from engine.networks.encoders import ImageEncoder

IMAGE_VERSION = 1


def image_key(picture_BGR_HWC: NDArray[np.uint8], *, weights: str, precision: str) -> str:
    """Return the cache's name of an encoded picture; `weights` identifies the image encoder."""
    digest = array_digest(picture_BGR_HWC)
    return cache_key("image", version=IMAGE_VERSION, picture=digest, weights=weights, precision=precision)


@torch.no_grad()
def image_tokens(encoder: ImageEncoder, picture_BGR_HWC: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return the hidden states before the tower's last layer, [K, D] float32 on the processor.

    The encoder's model lies on `device`. Raises UserError where its result holds no numbers.
    """
    pixels_1CSS = _model_input(encoder, picture_BGR_HWC)
    pixels_1CSS = pixels_1CSS.to(device=device, dtype=encoder.model.dtype)
    hidden = encoder.model(pixel_values=pixels_1CSS, output_hidden_states=True).hidden_states
    return require_numbers(hidden[-2][0].float().cpu(), "The image encoder")


def _model_input(encoder: ImageEncoder, picture_BGR_HWC: NDArray[np.uint8]) -> Tensor:
    """Return the picture squashed to a square, not cropped, and normalised: [1, 3, S, S] float32.

    Bicubic without antialiasing and without clipping, as published: the overshoot stays.
    """
    picture_RGB_HWC = torch.from_numpy(np.ascontiguousarray(picture_BGR_HWC[:, :, ::-1]))
    signed_1CHW = picture_RGB_HWC.permute(2, 0, 1)[None].float() / 127.5 - 1.0
    side = (encoder.side, encoder.side)
    square_1CSS = functional.interpolate(signed_1CHW, size=side, mode="bicubic", align_corners=False)
    mean_C11 = torch.tensor(encoder.mean).view(3, 1, 1)
    deviation_C11 = torch.tensor(encoder.deviation).view(3, 1, 1)
    return (square_1CSS * 0.5 + 0.5 - mean_C11) / deviation_C11
