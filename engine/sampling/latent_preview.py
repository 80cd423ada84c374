"""Latents as a small picture, without the VAE: one matrix from 16 channels to colours.

Factors: the published linear map of Wan2.1's normalised latents to RGB (ComfyUI's latent formats).
"""

import numpy as np
import torch
from numpy.typing import NDArray

_FACTORS = (
    (-0.1299, -0.1692, 0.2932),
    (0.0671, 0.0406, 0.0442),
    (0.3568, 0.2548, 0.1747),
    (0.0372, 0.2344, 0.1420),
    (0.0313, 0.0189, -0.0328),
    (0.0296, -0.0956, -0.0665),
    (-0.3477, -0.4059, -0.2925),
    (0.0166, 0.1902, 0.1975),
    (-0.0412, 0.0267, -0.1364),
    (-0.1293, 0.0740, 0.1636),
    (0.0680, 0.3019, 0.1128),
    (0.0032, 0.0581, 0.0639),
    (-0.1251, 0.0927, 0.1699),
    (0.0060, -0.0633, 0.0005),
    (0.3477, 0.2275, 0.2950),
    (0.1984, 0.0913, 0.1861),
)
_BIAS = (-0.1835, -0.0868, -0.3360)


def preview_picture(latents_16HW: torch.Tensor) -> NDArray[np.uint8]:
    """Return one latent frame [16, h, w] as a BGR picture [h, w, 3], an eighth of the size."""
    factors = torch.tensor(_FACTORS, dtype=torch.float32)
    latents_HWC = latents_16HW.float().cpu().permute(1, 2, 0)
    colours = (latents_HWC @ factors + torch.tensor(_BIAS) + 1.0) / 2.0
    pixels = torch.nan_to_num(colours).clamp(0, 1).mul(255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.numpy()[:, :, ::-1])
