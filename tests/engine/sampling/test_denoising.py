"""The steps of a pass: solvers, stopping, known starts, number formats, pieces of feed-forward."""

import copy
from dataclasses import replace

import pytest
import torch

from engine.memory.lending import AtHand
from engine.networks.adapter_attention import group_rows
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import Branch, GuidanceScales, TextRole
from engine.protocol.diffusion_settings import Solver
from engine.sampling.denoising import KnownStart, denoise, shot_noise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.guided_velocity import DiffusionModel, GuidedVelocity
from engine.sampling.key_value_bank import bank_bytes, drop_key_value_projections, key_value_bank
from engine.sampling.latent_preview import preview_picture
from engine.sampling.lockstep import LockstepTransformer, TokenHandling
from tests.golden_model import clip, conditions, forward, golden

EXPRESSION = AdapterName.EXPRESSION
FULL = Branch(text=TextRole.PROMPT, adapters=frozenset({EXPRESSION}))


def straight(latents, _timestep, _step):
    """A flow from pure noise to zeros: its velocity is the noise itself."""
    return straight.noise


def velocity(model=None, on_block=None, steps=4):
    shot = conditions({EXPRESSION: {1: clip("A")}})
    scales = GuidanceScales(text=1.0, adapters=4.0)
    return GuidedVelocity(model or golden().model, shot, scales, steps=steps, on_block=on_block)


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_straight_flow_ends_where_it_must(solver, steps):
    straight.noise = shot_noise(3, latent_frames=2, rows=4, columns=4)
    clean = denoise(straight.noise, straight, flow_solver(solver, steps=steps, shift=5.0))
    assert float(clean.abs().max()) < 1e-5


def test_unipc_comes_closer_to_the_exact_flow_than_euler():
    deviation = 0.5  # of the data; then x_0 = 0.5 x_1 exactly, and the velocity is linear in x
    start = shot_noise(3, latent_frames=1, rows=4, columns=4)

    def flow(latents, timestep, _step):
        sigma = float(timestep) / 1000
        clean, noise = (1 - sigma) * deviation**2, sigma
        return latents * (noise - clean) / ((1 - sigma) * clean + sigma * noise)

    def error(solver):
        clean = denoise(start, flow, flow_solver(solver, steps=16, shift=1.0))
        return float((clean - deviation * start).abs().max())

    assert error(Solver.UNIPC) < 0.25 * error(Solver.EULER)


def test_timesteps_are_told_to_the_transformer_unrounded():
    for solver in Solver:
        found = flow_solver(solver, steps=30, shift=5.0).timesteps
        expected = golden().outputs["timesteps_30_steps_shift_5"]
        assert float((found - expected).abs().max()) < 2e-3


def test_one_seed_is_one_noise_and_the_published_one():
    first = shot_noise(42, latent_frames=3, rows=4, columns=5)
    generator = torch.Generator("cpu").manual_seed(42)
    assert torch.equal(first, torch.randn((1, 16, 3, 4, 5), generator=generator)[0])
    assert not torch.equal(first, shot_noise(43, latent_frames=3, rows=4, columns=5))


def test_a_stop_ends_the_pass_between_two_blocks():
    calls = []

    def on_block():
        calls.append(None)
        if len(calls) == 8:
            raise InterruptedError

    solver = flow_solver(Solver.EULER, steps=4, shift=5.0)
    with pytest.raises(InterruptedError):
        denoise(golden().inputs["latents"][0], velocity(on_block=on_block), solver)
    blocks_of_a_step = 2 * 3
    assert blocks_of_a_step < len(calls) == 8 < 2 * blocks_of_a_step


def test_each_step_is_told_with_a_picture_that_gets_clean():
    told = []
    solver = flow_solver(Solver.EULER, steps=4, shift=5.0)
    latents = denoise(golden().inputs["latents"][0], velocity(), solver, on_step=told.append)
    assert [(step.step, step.steps) for step in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert float((told[-1].clean_16FHW - latents).abs().max()) < 1e-5
    picture = preview_picture(told[-1].clean_16FHW[:, 0])
    assert picture.shape == (10, 12, 3)
    assert picture.dtype.name == "uint8"


def test_known_latents_come_out_as_they_went_in():
    known = KnownStart(latents_16KHW=torch.randn(16, 2, 10, 12, generator=torch.Generator().manual_seed(1)))
    solver = flow_solver(Solver.EULER, steps=3, shift=5.0)
    latents = denoise(golden().inputs["latents"][0], velocity(steps=3), solver, known=known)
    assert torch.equal(latents[:, :2], known.latents_16KHW)
    free = denoise(
        golden().inputs["latents"][0], velocity(steps=3), flow_solver(Solver.EULER, steps=3, shift=5.0)
    )
    assert not torch.equal(latents[:, 2:], free[:, 2:])


@pytest.mark.parametrize("tokens", [1, 7, 64, 10_000])
def test_tokens_in_pieces_change_nothing_that_counts(tokens):
    shot, known = conditions({EXPRESSION: {1: clip("A")}}), golden()
    bank = key_value_bank(known.model.transformer, known.model.projections, shot)
    transformer = LockstepTransformer(
        known.model.transformer, AtHand(bank), tokens=TokenHandling(piece_tokens=tokens)
    )
    groups = {name: group_rows(shot.regions, people) for name, people in shot.adapters.items()}
    noisy = torch.cat([known.inputs["latents"][0], known.inputs["condition"][0]])
    found = transformer.velocities(noisy, known.inputs["timestep"], [FULL], groups)[FULL]
    assert float((found - forward(shot.adapters)).abs().max()) < 1e-5


def test_the_bank_makes_the_projections_of_keys_and_values_needless():
    known = golden()
    transformer = copy.deepcopy(known.model.transformer)
    shot = conditions({EXPRESSION: {1: clip("A")}})
    bank = key_value_bank(transformer, known.model.projections, shot)
    groups = {name: group_rows(shot.regions, people) for name, people in shot.adapters.items()}
    noisy = torch.cat([known.inputs["latents"][0], known.inputs["condition"][0]])

    def found():
        return LockstepTransformer(transformer, AtHand(bank)).velocities(
            noisy, known.inputs["timestep"], [FULL], groups
        )

    whole, before = found()[FULL], sum(parameter.numel() for parameter in transformer.parameters())
    drop_key_value_projections(transformer)
    after = sum(parameter.numel() for parameter in transformer.parameters())
    assert before - after == 3 * 4 * (96 * 96 + 96)
    assert torch.equal(found()[FULL], whole)
    tokens_of_a_block = 2 * 512 + 257 + 24 * 17 + 1
    assert bank_bytes(bank) == 3 * 2 * tokens_of_a_block * 96 * 4


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.15), (torch.float16, 0.02)])
def test_half_precision_stays_close_to_the_whole(dtype, tolerance):
    known = golden()
    transformer = copy.deepcopy(known.model.transformer).to(dtype)
    projections = {name: copy.deepcopy(p).to(dtype) for name, p in known.model.projections.items()}
    rounded = velocity(DiffusionModel(transformer=transformer, projections=projections), steps=1)
    latents, timestep = known.inputs["latents"][0], known.inputs["timestep"]
    found, exact = rounded(latents, timestep, 0), velocity(steps=1)(latents, timestep, 0)
    assert found.dtype == torch.float32
    assert float((found - exact).abs().mean() / exact.std()) < tolerance


def frame_by_frame(latents, timestep, _step):
    """A flow in which no latent frame sees another."""
    sigma = float(timestep) / 1000
    return torch.tanh(latents * (1 + sigma)) - 0.3 * latents


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("steps", [1, 2, 3, 12])
def test_known_latents_do_not_reach_the_others_through_the_solver_s_history(solver, steps):
    noise = shot_noise(4, latent_frames=5, rows=4, columns=4)
    known = KnownStart(latents_16KHW=shot_noise(5, latent_frames=2, rows=4, columns=4))
    free = denoise(noise, frame_by_frame, flow_solver(solver, steps=steps, shift=5.0))
    held = denoise(noise, frame_by_frame, flow_solver(solver, steps=steps, shift=5.0), known=known)
    assert torch.equal(held[:, :2], known.latents_16KHW)
    assert torch.equal(held[:, 2:], free[:, 2:])


@pytest.mark.parametrize("solver", list(Solver))
def test_known_latents_are_as_noisy_as_the_rest_before_every_step(solver):
    noise = shot_noise(4, latent_frames=3, rows=4, columns=4)
    known = KnownStart(latents_16KHW=shot_noise(5, latent_frames=1, rows=4, columns=4))
    seen = []

    def flow(latents, timestep, step):
        seen.append((latents[:, :1].clone(), float(timestep) / 1000))
        return frame_by_frame(latents, timestep, step)

    denoise(noise, flow, flow_solver(solver, steps=6, shift=5.0), known=known)
    for latents, sigma in seen:
        expected = (1 - sigma) * known.latents_16KHW + sigma * noise[:, :1]
        assert float((latents - expected).abs().max()) < 1e-5


def test_the_preview_shows_known_latents_as_they_are():
    noise = shot_noise(4, latent_frames=3, rows=4, columns=4)
    known = KnownStart(latents_16KHW=shot_noise(5, latent_frames=1, rows=4, columns=4))
    told = []
    solver = flow_solver(Solver.EULER, steps=3, shift=5.0)
    denoise(noise, frame_by_frame, solver, known=known, on_step=told.append)
    assert all(torch.equal(step.clean_16FHW[:, :1], known.latents_16KHW) for step in told)


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize(("steps", "shift"), [(30, 50.0), (100, 100.0), (200, 12.0), (100, 0.1), (2, 0.1)])
def test_any_shift_that_may_be_asked_for_ends_where_it_must(solver, steps, shift):
    straight.noise = shot_noise(3, latent_frames=1, rows=4, columns=4)
    found = flow_solver(solver, steps=steps, shift=shift)
    assert len(found.timesteps) == steps
    assert float(denoise(straight.noise, straight, found).abs().max()) < 1e-5


def test_a_plate_in_half_precision_does_not_round_the_latents():
    shot = conditions({EXPRESSION: {1: clip("A")}})
    rounded = replace(shot, plate_20FHW=shot.plate_20FHW.bfloat16())
    widened = replace(shot, plate_20FHW=shot.plate_20FHW.bfloat16().float())
    latents, timestep = golden().inputs["latents"][0], golden().inputs["timestep"]
    scales = GuidanceScales(text=1.0, adapters=4.0)
    found, expected = (
        GuidedVelocity(golden().model, each, scales, steps=1)(latents, timestep, 0)
        for each in (rounded, widened)
    )
    assert torch.equal(found, expected)
