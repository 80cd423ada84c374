"""Shots longer than one pass: pieces and windows cover every frame once, on one timeline."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.memory.lending import AtHand
from engine.networks.token_windows import expression_windows, gather_windows
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import GuidanceScales
from engine.planning.shot_pieces import WindowPlan, context_windows, continuation_pieces
from engine.sampling.guided_velocity import GuidedVelocity
from engine.sampling.key_value_bank import key_value_bank, with_characters
from engine.sampling.long_shots import BlendedVelocity, blend_weights
from tests.golden_model import clip, conditions, golden

EXPRESSION = AdapterName.EXPRESSION


@given(latent_frames=st.integers(1, 400), most=st.integers(2, 51), overlap=st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_pieces_cover_a_shot_once_beside_their_overlap(latent_frames, most, overlap):
    overlap = min(overlap, most - 1)
    pieces = continuation_pieces(latent_frames, most=most, overlap=overlap)
    made = [frame for piece in pieces for frame in range(piece.start + piece.known, piece.end)]
    assert made == list(range(latent_frames))
    assert all(piece.end - piece.start <= most for piece in pieces)
    assert [piece.known for piece in pieces] == [0] + [overlap] * (len(pieces) - 1)
    fresh = [piece.end - piece.start - piece.known for piece in pieces[1:]]
    assert not fresh or max(fresh) - min(fresh) <= 1


def test_a_piece_knows_its_video_frames():
    first, second = continuation_pieces(38, most=21, overlap=4)
    assert (first.first_frame, first.frame_count, first.known_frames) == (0, 81, 0)
    assert (second.first_frame, second.frame_count, second.known_frames) == (68, 81, 13)


@given(
    latent_frames=st.integers(1, 200),
    length=st.integers(2, 51),
    overlap=st.integers(1, 30),
    offset=st.integers(0, 60),
)
@settings(max_examples=200, deadline=None)
def test_windows_overlap_and_leave_no_frame_out(latent_frames, length, overlap, offset):
    overlap = min(overlap, length - 1)
    windows = context_windows(latent_frames, length=length, overlap=overlap, offset=offset)
    assert windows[0][0] == 0
    assert windows[-1][1] == latent_frames
    assert all(end - start == min(length, latent_frames) for start, end in windows)
    for (_, left_end), (right_start, _) in pairwise(windows):
        assert left_end - right_start >= overlap
    total = torch.zeros(latent_frames)
    for start, end in windows:
        weights = blend_weights(start, end, latent_frames=latent_frames, overlap=overlap)
        assert float(weights.min()) > 0
        total[start:end] += weights
    assert float(total.min()) > 0


def test_windows_move_from_step_to_step_and_are_the_same_for_a_seed():
    plan = WindowPlan(latent_frames=60, length=21, overlap=4, seed=5)
    steps = [plan.windows(step) for step in range(12)]
    assert len(set(steps)) > 3
    assert steps == [WindowPlan(latent_frames=60, length=21, overlap=4, seed=5).windows(s) for s in range(12)]


def test_a_cut_of_the_timeline_is_what_the_whole_shot_has_there():
    windows = expression_windows(81)
    tokens = torch.randn(81 * 24, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(gather_windows(tokens, windows)[7:15], gather_windows(tokens, windows.frames(7, 15)))


@pytest.mark.parametrize("seed", [1, 2])
def test_blended_windows_of_a_steady_velocity_are_that_velocity(seed):
    latents = torch.randn(16, 23, 2, 2, generator=torch.Generator().manual_seed(seed))
    plan = WindowPlan(latent_frames=23, length=9, overlap=4, seed=seed)

    def same(piece, _timestep, _step):
        return piece * 0.5

    found = BlendedVelocity(plan, lambda start, end: same)(latents, torch.tensor(500.0), 2)
    assert float((found - 0.5 * latents).abs().max()) < 1e-6


def test_windows_share_the_bank_of_the_whole_shot():
    known = golden()
    shot = conditions({EXPRESSION: {1: clip("A")}})
    bank = key_value_bank(known.model.transformer, known.model.projections, shot)
    cut = shot.frames(1, 4, shot.plate_20FHW[:, 1:4])
    scales = GuidanceScales(text=1.0, adapters=4.0)
    own = GuidedVelocity(known.model, cut, scales, steps=1)
    shared = GuidedVelocity(known.model, cut, scales, steps=1, bank=AtHand(bank))
    latents, timestep = known.inputs["latents"][0][:, 1:4], known.inputs["timestep"]
    assert torch.equal(own(latents, timestep, 0), shared(latents, timestep, 0))


def test_a_piece_needs_only_its_own_tokens_in_the_bank():
    known = golden()
    shot = conditions({EXPRESSION: {1: clip("A")}})
    cut = shot.frames(1, 4, shot.plate_20FHW[:, 1:4])
    small = cut.compacted()
    assert small.adapters[EXPRESSION][1].tokens_KD.shape[0] == 24 * 12 + 1
    scales = GuidanceScales(text=1.0, adapters=4.0)
    latents, timestep = known.inputs["latents"][0][:, 1:4], known.inputs["timestep"]
    whole = GuidedVelocity(known.model, cut, scales, steps=1)(latents, timestep, 0)
    assert torch.equal(whole, GuidedVelocity(known.model, small, scales, steps=1)(latents, timestep, 0))
    first = shot.frames(0, 2, shot.plate_20FHW[:, :2]).compacted().adapters[EXPRESSION][1]
    assert torch.equal(
        gather_windows(first.tokens_KD, first.windows),
        gather_windows(clip("A").tokens_KD, clip("A").windows.frames(0, 2)),
    )


@given(
    latent_frames=st.integers(3, 120),
    length=st.integers(2, 51),
    overlap=st.integers(1, 50),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_a_blend_is_a_mean_whatever_the_windows(latent_frames, length, overlap, seed):
    overlap = min(overlap, length - 1)
    plan = WindowPlan(latent_frames=latent_frames, length=length, overlap=overlap, seed=seed)
    latents = torch.randn(16, latent_frames, 1, 1, generator=torch.Generator().manual_seed(seed))
    for step in range(3):
        found = BlendedVelocity(plan, lambda _start, _end: _twice)(latents, torch.tensor(500.0), step)
        assert float((found - 2 * latents).abs().max()) < 1e-5


def test_every_window_but_the_first_and_the_last_moves():
    plan = WindowPlan(latent_frames=60, length=21, overlap=5, seed=1)
    borders = [{start for start, _ in plan.windows(step)} for step in range(200)]
    always = set.intersection(*borders)
    assert always == {0, 39}
    assert {start for starts in borders for start in starts} == {*range(40)}


def test_no_window_takes_over_from_the_last_at_once():
    """From one latent frame to the next no window's share jumps by more than the ramp of the overlap."""
    plan = WindowPlan(latent_frames=60, length=21, overlap=5, seed=1)
    for step in range(12):
        shares = torch.zeros(len(plan.windows(step)), 60)
        for number, (start, end) in enumerate(plan.windows(step)):
            shares[number, start:end] = blend_weights(start, end, latent_frames=60, overlap=5)
        shares /= shares.sum(dim=0)
        assert float(shares.diff(dim=1).abs().max()) < 0.35


def _twice(latents, _timestep, _step):
    return latents * 2


def test_pieces_share_what_texts_and_image_say_and_need_no_projections_for_it():
    known = golden()
    shot = conditions({EXPRESSION: {1: clip("A")}})
    whole = key_value_bank(known.model.transformer, known.model.projections, shot)
    shared = key_value_bank(known.model.transformer, known.model.projections, replace(shot, adapters={}))
    cut = shot.frames(1, 4, shot.plate_20FHW[:, 1:4])
    again = with_characters(shared, known.model.projections, cut)
    assert again[0].image[0] is shared[0].image[0]
    scales = GuidanceScales(text=1.0, adapters=4.0)
    latents, timestep = known.inputs["latents"][0][:, 1:4], known.inputs["timestep"]
    one = GuidedVelocity(known.model, cut, scales, steps=1, bank=AtHand(whole))(latents, timestep, 0)
    assert torch.equal(
        one, GuidedVelocity(known.model, cut, scales, steps=1, bank=AtHand(again))(latents, timestep, 0)
    )
