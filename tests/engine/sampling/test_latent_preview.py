"""Latents as small pictures."""

import numpy as np
import pytest
import torch

from engine.sampling.latent_preview import preview_picture


def colour(latents):
    """The one colour, blue first, of a picture whose latents are the same everywhere."""
    picture = preview_picture(torch.tensor(latents)[:, None, None].expand(16, 2, 3))
    assert picture.shape == (2, 3, 3)
    assert (picture == picture[0, 0]).all()
    return picture[0, 0].tolist()


def one(channel, value):
    latents = [0.0] * 16
    latents[channel] = value
    return latents


def level(value):
    return round((value + 1) / 2 * 255)


def test_latents_of_zero_have_the_colour_of_the_bias():
    assert colour([0.0] * 16) == [level(-0.3360), level(-0.0868), level(-0.1835)]


@pytest.mark.parametrize(
    ("channel", "red", "green", "blue"),
    [(0, -0.1299, -0.1692, 0.2932), (6, -0.3477, -0.4059, -0.2925), (15, 0.1984, 0.0913, 0.1861)],
)
def test_a_channel_has_its_published_colour(channel, red, green, blue):
    expected = [level(-0.3360 + 1.5 * blue), level(-0.0868 + 1.5 * green), level(-0.1835 + 1.5 * red)]
    assert colour(one(channel, 1.5)) == expected


def test_places_do_not_mix():
    latents = torch.zeros(16, 2, 2)
    latents[2, 0, 1] = 2.0
    picture = preview_picture(latents).astype(int)
    assert (picture[0, 1] > picture[0, 0]).all()
    assert np.array_equal(picture[1, 1], picture[0, 0])


@pytest.mark.parametrize("value", [1e9, -1e9, torch.inf, -torch.inf, torch.nan])
def test_latents_beyond_all_bounds_still_make_a_picture(value):
    picture = preview_picture(torch.full((16, 2, 2), value))
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_any_number_format_is_shown(dtype):
    latents = torch.randn(16, 4, 4, generator=torch.Generator().manual_seed(2))
    difference = preview_picture(latents.to(dtype)).astype(int) - preview_picture(latents)
    assert abs(difference).max() <= 2
