"""Every golden result by name."""

from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import GuidanceScales
from engine.protocol.diffusion_settings import Solver
from engine.sampling.denoising import denoise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.guided_velocity import GuidedVelocity
from tests.golden_case import GoldenCase, Kind
from tests.golden_face_cases import FACE_CASES
from tests.golden_model import clip, conditions, forward, golden, labelled_regions, two_face_regions, voice
from tests.golden_window_cases import WINDOW_CASES

EXPRESSION, VOICE = AdapterName.EXPRESSION, AdapterName.VOICE


def _case(name, kind, found):
    return GoldenCase(name=name, kind=kind, found=found, expected=lambda: golden().outputs[name])


def _forward(name, adapters, regions=lambda: None):
    return _case(name, Kind.NETWORK, lambda: forward(adapters(), regions()))


def _labelled(name):
    return lambda: labelled_regions(golden().inputs[name])


def _steps(steps):
    solver = flow_solver(Solver.EULER, steps=steps, shift=5.0)
    return _case(f"timesteps_{steps}_steps_shift_5", Kind.EXACT, lambda: solver.timesteps)


def _sampled(name, text_scale):
    def found():
        velocity = GuidedVelocity(
            golden().model,
            conditions({EXPRESSION: {1: clip("A")}}),
            GuidanceScales(text=text_scale, adapters=4.0),
            steps=4,
        )
        solver = flow_solver(Solver.EULER, steps=4, shift=5.0)
        return denoise(golden().inputs["latents"][0], velocity, solver)

    return _case(name, Kind.SAMPLING, found)


_TRANSFORMER_CASES = (
    _forward("single", lambda: {EXPRESSION: {1: clip("A")}}),
    _forward("single_scale_0p5", lambda: {EXPRESSION: {1: clip("A", 0.5)}}),
    _forward("single_scale_0", lambda: {EXPRESSION: {1: clip("A", 0.0)}}),
    _forward("two_faces", lambda: {EXPRESSION: {1: clip("A"), 2: clip("B")}}, two_face_regions),
    _forward("audio", lambda: {VOICE: {1: voice()}}),
    _forward("audio_scale_0p5", lambda: {VOICE: {1: voice(0.5)}}),
    _forward(
        "three_faces",
        lambda: {EXPRESSION: {1: clip("A"), 2: clip("B"), 3: clip("C")}},
        _labelled("three_face_token_labels"),
    ),
    _forward(
        "clip_and_voice",
        lambda: {EXPRESSION: {1: clip("A")}, VOICE: {2: voice()}},
        _labelled("two_character_token_labels"),
    ),
    _forward(
        "clip_0p7_and_voice_1p3",
        lambda: {EXPRESSION: {1: clip("A", 0.7)}, VOICE: {2: voice(1.3)}},
        _labelled("two_character_token_labels"),
    ),
)

_SAMPLING_CASES = (
    _steps(4),
    _steps(30),
    _sampled("sample_adapter_guidance_4", 1.0),
    _sampled("sample_text_5_adapter_4", 5.0),
)

CASES = (*FACE_CASES, *WINDOW_CASES, *_TRANSFORMER_CASES, *_SAMPLING_CASES)
