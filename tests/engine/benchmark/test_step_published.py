"""The published order of work, as the benchmark does it, gives what the published code gave."""

import pytest
import torch

from engine.benchmark.published_step import PublishedStep
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import GuidanceScales
from engine.protocol.diffusion_settings import Solver
from engine.sampling.denoising import denoise
from engine.sampling.flow_solver import flow_solver
from tests.golden_model import clip, conditions, golden, labelled_regions, voice

EXPRESSION, VOICE = AdapterName.EXPRESSION, AdapterName.VOICE


@pytest.mark.parametrize(
    ("name", "adapters", "labels"),
    [
        ("single", lambda: {EXPRESSION: {1: clip("A")}}, None),
        ("audio", lambda: {VOICE: {1: voice()}}, None),
        (
            "three_faces",
            lambda: {EXPRESSION: {1: clip("A"), 2: clip("B"), 3: clip("C")}},
            "three_face_token_labels",
        ),
        (
            "clip_and_voice",
            lambda: {EXPRESSION: {1: clip("A")}, VOICE: {2: voice()}},
            "two_character_token_labels",
        ),
    ],
)
def test_one_forward_with_everything_in_it(name, adapters, labels):
    regions = None if labels is None else labelled_regions(golden().inputs[labels])
    everything_once = GuidanceScales(text=1.0, adapters=1.0)
    step = PublishedStep(golden().model, conditions(adapters(), regions), everything_once)
    found = step(golden().inputs["latents"][0], golden().inputs["timestep"])
    expected = golden().outputs[name].reshape(found.shape)
    assert step.forwards == 2
    assert float((found - expected).abs().max()) < 1e-4


@pytest.mark.parametrize(
    ("name", "text", "forwards"), [("sample_adapter_guidance_4", 1.0, 2), ("sample_text_5_adapter_4", 5.0, 3)]
)
def test_a_guided_pass_of_four_steps(name, text, forwards):
    shot = conditions({EXPRESSION: {1: clip("A")}})
    step = PublishedStep(golden().model, shot, GuidanceScales(text=text, adapters=4.0))

    def velocity(latents: torch.Tensor, timestep: torch.Tensor, _number: int) -> torch.Tensor:
        return step(latents, timestep)

    solver = flow_solver(Solver.EULER, steps=4, shift=5.0)
    found = denoise(golden().inputs["latents"][0], velocity, solver)
    expected = golden().outputs[name].reshape(found.shape)
    assert step.forwards == 4 * forwards
    assert float((found - expected).abs().max()) < 5e-4
