"""The plate's condition against diffusers' own pipeline, on a tiny VAE."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline

from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.plate_latents import kept_plate_condition, plate_condition
from engine.conditioning.vae_chunks import empty_feature_cache
from engine.conditioning.vae_halves import encoder_inner, encoder_outer
from engine.conditioning.vae_tiles import tiles_of
from engine.protocol.errors import BugError, UserError

PROCESSOR = torch.device("cpu")


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(3)
    return AutoencoderKLWan(base_dim=4, num_res_blocks=1).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pipeline(vae):
    return WanImageToVideoPipeline(
        tokenizer=None, text_encoder=None, vae=vae, scheduler=FlowMatchEulerDiscreteScheduler()
    )


def drawn_frames(count, height=16, width=24, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def signed_video(frames):
    return torch.from_numpy(frames[..., ::-1].copy()).permute(3, 0, 1, 2)[None].float() * (2 / 255) - 1


def published_mask(known_count, frame_count, rows, columns):
    """The mask video frame by video frame, arranged as published."""
    mask = torch.ones(1, frame_count, rows, columns)
    mask[:, known_count:] = 0
    mask = torch.cat([mask[:, :1].repeat_interleave(4, dim=1), mask[:, 1:]], dim=1)
    return mask.view(1, -1, 4, rows, columns).transpose(1, 2)[0]


@pytest.mark.parametrize("frame_count", [1, 5, 21])
def test_the_condition_of_a_plate_equals_diffusers_own(vae, pipeline, frame_count):
    plate = drawn_frames(1)
    condition = plate_condition(vae, plate, frame_count, PROCESSOR)
    image = signed_video(plate)[:, :, 0]
    expected = pipeline.prepare_latents(
        image, 1, 16, 16, 24, frame_count, dtype=torch.float32, device=PROCESSOR
    )[1][0]
    assert condition.shape == (20, (frame_count - 1) // 4 + 1, 2, 3)
    assert condition.dtype == torch.float32
    assert torch.equal(condition[:4], expected[:4])
    assert (condition[4:] - expected[4:]).abs().max() <= 1e-5


def test_known_frames_of_an_earlier_segment_are_marked_and_encoded(vae):
    known = drawn_frames(9)
    condition = plate_condition(vae, known, 25, PROCESSOR)
    video = torch.cat([signed_video(known), torch.zeros(1, 3, 16, 16, 24)], dim=2)
    mode = vae.encode(video).latent_dist.mode()[0]
    mean = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1)
    deviation = torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1)
    assert torch.equal(condition[:4], published_mask(9, 25, 2, 3))
    assert (condition[4:] - (mode - mean) / deviation).abs().max() <= 1e-5


def test_a_condition_may_be_known_to_its_end(vae):
    frames = drawn_frames(13)
    condition = plate_condition(vae, frames, 13, PROCESSOR)
    longer = plate_condition(vae, frames, 17, PROCESSOR)
    assert torch.equal(condition[:4], torch.ones(4, 4, 2, 3))
    assert torch.equal(condition, longer[:, :4])


def test_grey_frames_of_a_long_segment_are_encoded_until_the_result_repeats(vae):
    frame_count, plate = 149, drawn_frames(1, 8, 8)
    chunks = []
    handle = vae.encoder.register_forward_pre_hook(lambda _, inputs: chunks.append(inputs[0].shape[2]))
    condition = plate_condition(vae, plate, frame_count, PROCESSOR)
    handle.remove()
    video = torch.cat([signed_video(plate), torch.zeros(1, 3, frame_count - 1, 8, 8)], dim=2)
    mode = vae.encode(video).latent_dist.mode()[0]
    mean = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1)
    deviation = torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1)
    assert chunks == [1] + [4] * 32  # of 38
    assert (condition[4:] - (mode - mean) / deviation).abs().max() <= 1e-5


def test_the_encoder_sees_one_chunk_at_a_time(vae):
    shapes = []
    handle = vae.encoder.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    plate_condition(vae, drawn_frames(9), 9, PROCESSOR)
    handle.remove()
    assert shapes == [(1, 3, 1, 16, 24), (1, 3, 4, 16, 24), (1, 3, 4, 16, 24)]


def test_a_stop_ends_the_encoding_before_the_next_chunk(vae):
    calls = []

    def stop_at_third():
        calls.append(None)
        if len(calls) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        plate_condition(vae, drawn_frames(1), 81, PROCESSOR, check=stop_at_third)
    assert len(calls) == 3


@pytest.mark.parametrize("known", [1, 5])
def test_the_latents_of_a_shorter_segment_are_the_first_of_a_longer_one(vae, known):
    frames = drawn_frames(known)
    longest = plate_condition(vae, frames, 161, PROCESSOR)  # past the last grey chunk that is encoded
    for frame_count in (5, 9, 81, 137, 141):
        shorter = plate_condition(vae, frames, frame_count, PROCESSOR)
        assert torch.equal(longest[:, : shorter.shape[1]], shorter)


@pytest.mark.parametrize("tile_latents", [8, 9, 64])
def test_a_plate_no_larger_than_a_tile_is_encoded_as_without_tiles(vae, tile_latents):
    plate = drawn_frames(1, 64, 56)
    whole = plate_condition(vae, plate, 9, PROCESSOR)
    assert torch.equal(plate_condition(vae, plate, 9, PROCESSOR, tile_latents=tile_latents), whole)


@pytest.mark.parametrize("chunks", [1, 2, 4])
def test_the_halves_of_the_encoder_are_the_encoder(vae, chunks):
    whole, inner, outer = (empty_feature_cache(vae.encoder) for _ in range(3))
    for chunk in range(chunks):
        video = signed_video(drawn_frames(4 if chunk else 1, seed=chunk))
        expected = vae.encoder(video, feat_cache=whole, feat_idx=[0])
        features = encoder_outer(vae.encoder, video, outer)
        assert torch.equal(encoder_inner(vae.encoder, features, inner), expected)


@pytest.mark.parametrize(("height", "width"), [(16, 320), (320, 16)])
def test_tiles_that_overlap_as_far_as_convolutions_see_give_the_whole_plate(vae, height, width):
    plate = drawn_frames(1, height, width)
    difference = plate_condition(vae, plate, 5, PROCESSOR, tile_latents=32)
    difference -= plate_condition(vae, plate, 5, PROCESSOR)
    assert difference.abs().max() <= 1e-4


def test_each_tile_is_encoded_by_itself_and_its_features_blended_by_its_share(vae):
    known = drawn_frames(5, 80, 104)
    features = [torch.zeros(1, 16, 1, 10, 13) for _ in range(2)]
    for tile in tiles_of(10, 13, 8):
        outer = empty_feature_cache(vae.encoder)
        video = signed_video(known[:, *tile.area(8)])
        for total, chunk in zip(features, (video[:, :, :1], video[:, :, 1:]), strict=True):
            total[..., *tile.area()] += encoder_outer(vae.encoder, chunk, outer) * tile.shares_hw
    inner = empty_feature_cache(vae.encoder)
    moments = [vae.quant_conv(encoder_inner(vae.encoder, frame, inner)) for frame in features]
    mean = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1)
    deviation = torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1)
    expected = (torch.cat(moments, dim=2)[0, :16] - mean) / deviation
    blended = plate_condition(vae, known, 5, PROCESSOR, tile_latents=8)
    whole = plate_condition(vae, known, 5, PROCESSOR)
    assert torch.equal(blended[:4], whole[:4])
    assert (blended[4:] - expected).abs().max() <= 1e-5
    assert (blended[4:] - whole[4:]).abs().max() > 1e-4  # else nothing was tiled


def test_a_stop_is_heard_before_every_chunk_of_every_tile(vae):
    calls = []
    plate = drawn_frames(1, 64, 96)
    plate_condition(vae, plate, 9, PROCESSOR, tile_latents=8, check=lambda: calls.append(None))
    assert len(calls) == 3 * 2 + 3  # the tiles, then the whole picture's features


@pytest.mark.parametrize(("known", "frame_count"), [(2, 5), (1, 6), (9, 5), (0, 5)])
def test_counts_that_are_no_whole_latents_are_refused(vae, known, frame_count):
    with pytest.raises(BugError):
        plate_condition(vae, drawn_frames(known), frame_count, PROCESSOR)


def test_sizes_that_are_no_whole_latents_are_refused(vae):
    with pytest.raises(BugError, match="20 x 32"):
        plate_condition(vae, drawn_frames(1, 32, 20), 5, PROCESSOR)


def test_a_vae_with_broken_weights_ends_the_render_with_a_sentence():
    broken = AutoencoderKLWan(base_dim=4, num_res_blocks=1).eval().requires_grad_(False)
    broken.encoder.conv_in.weight[0] = torch.nan
    with pytest.raises(UserError, match="The VAE of the bundle gave values that are not numbers"):
        plate_condition(broken, drawn_frames(1), 5, PROCESSOR)


def test_the_vae_computes_in_its_own_number_format(vae):
    half = copy.deepcopy(vae).bfloat16()
    plate = drawn_frames(1)
    condition = plate_condition(half, plate, 5, PROCESSOR)
    assert condition.dtype == torch.float32
    assert 0 < (condition - plate_condition(vae, plate, 5, PROCESSOR)).abs().max() < 0.1


def never():
    raise AssertionError("encoded again")


@pytest.fixture
def kept_plate(vae, tmp_path):
    """A plate's condition by way of a cache; `may_encode` False where it has to be there already."""

    def condition(frame_count, *, plate=None, weights="w", tile_latents=None, may_encode=True):
        known = drawn_frames(1, 64, 96) if plate is None else plate
        encode = partial(plate_condition, vae, known, frame_count, PROCESSOR, tile_latents=tile_latents)
        return kept_plate_condition(
            ConditionCache(tmp_path),
            known,
            frame_count,
            weights=weights,
            tile_latents=tile_latents,
            encode=encode if may_encode else never,
        )

    return condition


def test_a_shorter_segment_reads_what_a_longer_one_has_kept(vae, kept_plate):
    kept_plate(13)
    for frame_count in (13, 9, 5, 1):
        expected = plate_condition(vae, drawn_frames(1, 64, 96), frame_count, PROCESSOR)
        assert torch.equal(kept_plate(frame_count, may_encode=False), expected)


def test_a_longer_segment_is_encoded_and_kept_instead_of_the_shorter(vae, kept_plate, tmp_path):
    kept_plate(5)
    expected = plate_condition(vae, drawn_frames(1, 64, 96), 9, PROCESSOR)
    assert torch.equal(kept_plate(9), expected)
    assert torch.equal(kept_plate(9, may_encode=False), expected)
    assert torch.equal(kept_plate(5, may_encode=False), expected[:, :2])
    assert len(list(tmp_path.iterdir())) == 1


def test_other_plates_and_other_weights_are_encoded_anew(kept_plate):
    kept_plate(5)
    with pytest.raises(AssertionError, match="encoded again"):
        kept_plate(5, weights="v", may_encode=False)
    with pytest.raises(AssertionError, match="encoded again"):
        kept_plate(5, plate=drawn_frames(1, 64, 96, seed=1), may_encode=False)


def test_a_plate_encoded_whole_serves_tiles_but_not_the_other_way_round(kept_plate):
    tiled = kept_plate(5, tile_latents=8)
    assert torch.equal(kept_plate(5, tile_latents=8, may_encode=False), tiled)
    for tile_latents in (None, 12, 9):
        with pytest.raises(AssertionError, match="encoded again"):
            kept_plate(5, tile_latents=tile_latents, may_encode=False)
    whole = kept_plate(5, tile_latents=12)  # as large as the plate
    assert not torch.equal(whole, tiled)
    for tile_latents in (None, 8, 12):
        assert torch.equal(kept_plate(5, tile_latents=tile_latents, may_encode=False), whole)


def test_several_known_frames_are_not_kept(kept_plate, tmp_path):
    kept_plate(9, plate=drawn_frames(5, 64, 96))
    assert list(tmp_path.iterdir()) == []
