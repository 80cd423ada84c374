"""Decoding one latent frame at a time against the VAE's own decoding, on a tiny VAE."""

import copy

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan

from engine.conditioning.picture_decoding import decode_latents, decoded_chunks
from engine.conditioning.plate_latents import plate_condition
from engine.protocol.errors import UserError

PROCESSOR = torch.device("cpu")


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(4)
    return AutoencoderKLWan(base_dim=4, num_res_blocks=1).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def exact_vae(vae):
    return copy.deepcopy(vae).double()


def drawn_latents(latent_frames, seed=0):
    return torch.randn(16, latent_frames, 2, 3, generator=torch.Generator().manual_seed(seed))


def decoded_at_once(vae, latents):
    mean = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1)
    scale = 1.0 / torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1)  # as diffusers' pipelines have it
    return vae.decode((latents / scale + mean)[None].to(vae.dtype)).sample[0].float()


@pytest.mark.parametrize("latent_frames", [1, 2, 5, 21])
def test_chunks_equal_decoding_at_once(exact_vae, latent_frames):
    latents = drawn_latents(latent_frames)
    expected = decoded_at_once(exact_vae, latents)
    decoded = torch.cat(list(decoded_chunks(exact_vae, latents, PROCESSOR)), dim=1)
    assert expected.std() > 0.1
    assert decoded.shape == (3, 4 * latent_frames - 3, 16, 24)
    assert (decoded - expected).abs().max() <= 1e-6


def test_in_single_precision_chunks_differ_by_rounding_alone(vae):
    latents = drawn_latents(5)
    decoded = torch.cat(list(decoded_chunks(vae, latents, PROCESSOR)), dim=1)
    assert (decoded - decoded_at_once(vae, latents)).abs().max() <= 1e-5


def test_pictures_are_blue_first_and_rounded_to_the_nearest_level(vae):
    latents = drawn_latents(2)
    pictures = list(decode_latents(vae, latents, PROCESSOR))
    exact = (decoded_at_once(vae, latents).permute(1, 2, 3, 0).flip(-1).numpy() + 1) * 127.5
    assert [(picture.dtype, picture.shape) for picture in pictures] == [(np.uint8, (16, 24, 3))] * 5
    assert np.abs(np.stack(pictures) - exact).max() <= 0.5 + 1e-3


def test_every_level_of_a_picture_survives_the_way_to_the_vae_and_back():
    class Mirror(torch.nn.Module):
        """A decoder that shows its input's first three channels."""

        def forward(self, hidden, feat_cache, feat_idx, first_chunk):
            return hidden[:, :3]

    vae = AutoencoderKLWan(base_dim=4, num_res_blocks=1, latents_mean=[0.0] * 16, latents_std=[1.0] * 16)
    vae.decoder, vae.post_quant_conv = Mirror(), torch.nn.Identity()
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    latents = torch.zeros(16, 1, 16, 16)
    latents[:3, 0] = torch.from_numpy(levels) / 127.5 - 1.0
    (picture,) = decode_latents(vae, latents, PROCESSOR)
    assert np.array_equal(picture, np.stack([levels] * 3, axis=-1))


def test_pictures_come_before_the_later_latents_are_touched(vae):
    latents = drawn_latents(3)
    calls = []
    pictures = decode_latents(vae, latents, PROCESSOR, check=lambda: calls.append(None))
    first = next(pictures)
    assert len(calls) == 1
    assert np.array_equal(first, next(decode_latents(vae, latents[:, :1], PROCESSOR)))


def test_two_decodings_at_once_do_not_disturb_each_other(vae):
    one, other = drawn_latents(3, seed=1), drawn_latents(3, seed=2)
    alone = list(decode_latents(vae, one, PROCESSOR))
    together = []
    for picture, _ in zip(
        decode_latents(vae, one, PROCESSOR), decode_latents(vae, other, PROCESSOR), strict=True
    ):
        together.append(picture)
    assert np.array_equal(np.stack(alone), np.stack(together))


def test_a_stop_ends_the_decoding(vae):
    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        next(decode_latents(vae, drawn_latents(1), PROCESSOR, check=stop))


def test_latents_without_numbers_end_the_render_with_a_sentence(vae):
    latents = drawn_latents(2)
    latents[0, 1] = torch.nan
    pictures = decode_latents(vae, latents, PROCESSOR)
    next(pictures)
    with pytest.raises(UserError, match="not numbers"):
        next(pictures)


def test_decoded_pictures_can_be_encoded_again(vae):
    pictures = np.stack(list(decode_latents(vae, drawn_latents(2), PROCESSOR)))
    assert plate_condition(vae, pictures, 5, PROCESSOR).shape == (20, 2, 2, 3)
