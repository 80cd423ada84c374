"""Decoding one latent frame at a time against the VAE's own decoding, on a tiny VAE."""

import copy
from collections import deque
from functools import partial

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan

from engine.benchmark.memory_watch import watched
from engine.conditioning.picture_decoding import decode_latents, decoded_chunks, frames_at_once
from engine.conditioning.plate_latents import plate_condition
from engine.conditioning.vae_chunks import empty_feature_cache
from engine.conditioning.vae_halves import decoder_inner, decoder_outer
from engine.conditioning.vae_tiles import tiles_of
from engine.protocol.errors import UserError

PROCESSOR = torch.device("cpu")


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(4)
    return AutoencoderKLWan(base_dim=4, num_res_blocks=1).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def exact_vae(vae):
    return copy.deepcopy(vae).double()


def drawn_latents(latent_frames, rows=2, columns=3, seed=0):
    return torch.randn(16, latent_frames, rows, columns, generator=torch.Generator().manual_seed(seed))


def decoded_video(vae, latents, **options):
    return torch.cat(list(decoded_chunks(vae, latents, PROCESSOR, **options)), dim=1)


def decoded_at_once(vae, latents):
    mean = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1)
    scale = 1.0 / torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1)  # as diffusers' pipelines have it
    return vae.decode((latents / scale + mean)[None].to(vae.dtype)).sample[0].float()


@pytest.mark.parametrize("latent_frames", [1, 2, 5, 21])
def test_chunks_equal_decoding_at_once(exact_vae, latent_frames):
    latents = drawn_latents(latent_frames)
    expected = decoded_at_once(exact_vae, latents)
    decoded = decoded_video(exact_vae, latents)
    assert expected.std() > 0.1
    assert decoded.shape == (3, 4 * latent_frames - 3, 16, 24)
    assert (decoded - expected).abs().max() <= 1e-6


def test_in_single_precision_chunks_differ_by_rounding_alone(vae):
    latents = drawn_latents(5)
    decoded = decoded_video(vae, latents)
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


@pytest.mark.parametrize("tile_latents", [8, 9, 64])
def test_a_picture_no_larger_than_a_tile_is_decoded_as_without_tiles(vae, tile_latents):
    latents = drawn_latents(3, 8, 7)
    whole = decoded_video(vae, latents)
    assert torch.equal(decoded_video(vae, latents, tile_latents=tile_latents), whole)


@pytest.mark.parametrize("latent_frames", [1, 2, 5])
def test_the_halves_of_the_decoder_are_the_decoder(vae, latent_frames):
    whole, inner, outer = (empty_feature_cache(vae.decoder) for _ in range(3))
    for index in range(latent_frames):
        latents = drawn_latents(1, seed=index)[None]
        expected = vae.decoder(latents, feat_cache=whole, feat_idx=[0], first_chunk=index == 0)
        features = decoder_inner(vae.decoder, latents, inner)
        assert torch.equal(decoder_outer(vae.decoder, features, outer, is_first=index == 0), expected)


@pytest.mark.parametrize(("rows", "columns"), [(2, 40), (40, 2)])
def test_tiles_that_overlap_as_far_as_convolutions_see_give_the_whole_picture(vae, rows, columns):
    latents = drawn_latents(2, rows, columns)
    difference = decoded_video(vae, latents, tile_latents=32) - decoded_video(vae, latents)
    assert difference.abs().max() <= 1e-4


def test_each_tile_is_decoded_from_features_of_the_whole_and_blended_by_its_share(vae):
    latents = drawn_latents(3, 10, 13)
    expected = torch.zeros(3, 9, 80, 104)
    mean = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1)
    scale = 1.0 / torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1)
    inner = empty_feature_cache(vae.decoder)
    hidden = [vae.post_quant_conv((latents[:, i : i + 1] / scale + mean)[None]) for i in range(3)]
    features = [decoder_inner(vae.decoder, frame, inner) for frame in hidden]
    for tile in tiles_of(10, 13, 8, points=8):
        outer = empty_feature_cache(vae.decoder)
        frames = [
            decoder_outer(vae.decoder, frame[..., *tile.area()], outer, is_first=number == 0)[0]
            for number, frame in enumerate(features)
        ]
        expected[..., *tile.area(8)] += torch.cat(frames, dim=1).clamp(-1, 1) * tile.shares_hw
    blended = decoded_video(vae, latents, tile_latents=8)
    assert (blended - expected).abs().max() <= 1e-5
    assert (blended - decoded_video(vae, latents)).abs().max() > 1e-4  # else nothing was tiled


def test_tiles_that_wait_for_each_other_give_the_same_pictures(vae):
    latents = drawn_latents(5, 8, 12)
    at_once = decoded_video(vae, latents, tile_latents=8)
    for blend_bytes in (1, 2 * 8 * 12 * (4 * 64 * 3 + 16) * 4):
        assert torch.equal(decoded_video(vae, latents, tile_latents=8, blend_bytes=blend_bytes), at_once)


def test_a_standard_segment_is_decoded_at_once_and_pictures_of_any_size_one_by_one():
    assert frames_at_once(90, 160, feature_channels=384) >= 21
    latent_frame_bytes = 90 * 160 * (3 * 4 * 64 + 384) * 4
    assert frames_at_once(90, 160, feature_channels=384, blend_bytes=3 * latent_frame_bytes) == 3
    assert frames_at_once(90, 160, feature_channels=384, blend_bytes=3 * latent_frame_bytes - 1) == 2
    assert frames_at_once(90, 160, feature_channels=384, blend_bytes=0) == 1


def test_neither_tiles_nor_whole_pictures_take_more_memory_for_a_longer_shot(vae):
    def peak(latent_frames, tile_latents):
        def work():
            chunks = decoded_chunks(vae, latents, PROCESSOR, tile_latents=tile_latents, blend_bytes=1)
            deque(chunks, maxlen=0)

        latents = drawn_latents(latent_frames, 8, 12)
        return watched(PROCESSOR, work, held_bytes=0)[1]

    for tile_latents in (None, 8):
        assert peak(6, tile_latents) <= 1.02 * peak(3, tile_latents)


def test_tiles_take_the_memory_of_one_of_them(vae):
    latents = drawn_latents(2, 24, 8)
    peaks = [
        watched(PROCESSOR, partial(decoded_video, vae, latents, tile_latents=side), held_bytes=0)[1]
        for side in (None, 8)
    ]
    assert peaks[1] < 0.5 * peaks[0]


def test_a_stop_is_heard_before_every_latent_frame_of_every_tile(vae):
    calls = []
    decoded_video(vae, drawn_latents(3, 8, 12), tile_latents=8, check=lambda: calls.append(None))
    assert len(calls) == 3 + 3 * 2  # the whole picture's features, then the tiles

    def stop_at_fourth():
        calls.append(None)
        if len(calls) == 4:
            raise InterruptedError

    calls.clear()
    with pytest.raises(InterruptedError):
        decoded_video(vae, drawn_latents(3, 8, 12), tile_latents=8, check=stop_at_fourth)
    assert len(calls) == 4


def test_tiles_without_numbers_end_the_render_with_a_sentence(vae):
    latents = drawn_latents(1, 8, 12)
    latents[0, 0, 0, -1] = torch.nan
    with pytest.raises(UserError, match="not numbers"):
        next(decode_latents(vae, latents, PROCESSOR, tile_latents=8))


def test_blended_pictures_are_levels_like_others(vae):
    latents = drawn_latents(2, 8, 12)
    pictures = list(decode_latents(vae, latents, PROCESSOR, tile_latents=8))
    exact = (decoded_video(vae, latents, tile_latents=8).permute(1, 2, 3, 0).flip(-1).numpy() + 1) * 127.5
    assert [(picture.dtype, picture.shape) for picture in pictures] == [(np.uint8, (64, 96, 3))] * 5
    assert np.abs(np.stack(pictures) - exact).max() <= 0.5 + 1e-3
