"""Every golden result by name: how far ours is from it, and how far it may be."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.networks.shot_tokens import AdapterName
from engine.networks.token_windows import (
    expression_ranges,
    expression_windows,
    gather_windows,
    voice_ranges,
    voice_windows,
)
from engine.protocol.diffusion_settings import Solver
from engine.sampling.denoising import denoise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.guidance import GuidanceScales
from engine.sampling.guided_velocity import GuidedVelocity
from tests.golden_model import clip, conditions, forward, golden, labelled_regions, voice

EXPRESSION, VOICE = AdapterName.EXPRESSION, AdapterName.VOICE
NETWORK, SAMPLING, EXACT = 1e-4, 5e-4, 0.0


@dataclass(frozen=True, kw_only=True)
class GoldenCase:
    """One result: `error` computes the largest absolute difference, `tolerance` is what is allowed."""

    name: str
    tolerance: float
    error: Callable[[], float]


def _difference(found, name):
    expected = golden().outputs[name].to(torch.float64)
    return float((found.to(torch.float64) - expected.reshape(found.shape)).abs().max())


def _network(name, adapters, labels=None):
    def error():
        regions = None if labels is None else labelled_regions(golden().inputs[labels])
        return _difference(forward(adapters(), regions), name)

    return GoldenCase(name=name, tolerance=NETWORK, error=error)


def _two_faces():
    """Boxes grown by the published rule, pooled by 16: labels of 5 x 6 tokens."""
    boxes = golden().outputs["extended_boxes"]
    pixels = torch.zeros(80, 96)
    for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
        pixels[top:bottom, left:right] = number + 1
    labels = torch.nn.functional.max_pool2d(pixels[None, None], 16)[0, 0]
    return _difference(
        forward({EXPRESSION: {1: clip("A"), 2: clip("B")}}, labelled_regions(labels)), "two_faces"
    )


def _sampled(name, text_scale):
    def error():
        known = golden()
        velocity = GuidedVelocity(
            known.model,
            conditions({EXPRESSION: {1: clip("A")}}),
            GuidanceScales(text=text_scale, adapters=4.0),
            steps=4,
        )
        solver = flow_solver(Solver.EULER, steps=4, shift=5.0)
        return _difference(denoise(known.inputs["latents"][0], velocity, solver), name)

    return GoldenCase(name=name, tolerance=SAMPLING, error=error)


def _table(name, rows):
    return GoldenCase(name=name, tolerance=EXACT, error=lambda: _difference(torch.tensor(rows), name))


def _steps(name, steps):
    def error():
        return _difference(flow_solver(Solver.EULER, steps=steps, shift=5.0).timesteps, name)

    return GoldenCase(name=name, tolerance=EXACT, error=error)


def _voice_windows():
    return gather_windows(voice().tokens_KD, voice_windows(17, 36))


CASES = (
    *(_table(f"portrait_window_ranges_{n}_frames", expression_ranges(n)) for n in (5, 17, 81, 201)),
    *(
        _table(f"audio_window_ranges_{n}_frames_{k}_tokens", voice_ranges(n, k))
        for n, k in ((17, 36), (49, 106), (81, 173), (81, 175))
    ),
    GoldenCase(
        name="audio_window_lengths",
        tolerance=EXACT,
        error=lambda: _difference(voice_windows(17, 36).lengths_F, "audio_window_lengths"),
    ),
    GoldenCase(
        name="tokens_per_frame_A",
        tolerance=NETWORK,
        error=lambda: _difference(clip("A").tokens_KD, "tokens_per_frame_A"),
    ),
    GoldenCase(
        name="windows_A",
        tolerance=NETWORK,
        error=lambda: _difference(gather_windows(clip("A").tokens_KD, expression_windows(17)), "windows_A"),
    ),
    GoldenCase(
        name="audio_windows",
        tolerance=NETWORK,
        error=lambda: _difference(_voice_windows(), "audio_windows"),
    ),
    _network("single", lambda: {EXPRESSION: {1: clip("A")}}),
    _network("single_scale_0p5", lambda: {EXPRESSION: {1: clip("A", 0.5)}}),
    _network("single_scale_0", lambda: {EXPRESSION: {1: clip("A", 0.0)}}),
    GoldenCase(name="two_faces", tolerance=NETWORK, error=_two_faces),
    _network("audio", lambda: {VOICE: {1: voice()}}),
    _network("audio_scale_0p5", lambda: {VOICE: {1: voice(0.5)}}),
    _network(
        "three_faces",
        lambda: {EXPRESSION: {1: clip("A"), 2: clip("B"), 3: clip("C")}},
        "three_face_token_labels",
    ),
    _network(
        "clip_and_voice",
        lambda: {EXPRESSION: {1: clip("A")}, VOICE: {2: voice()}},
        "two_character_token_labels",
    ),
    _network(
        "clip_0p7_and_voice_1p3",
        lambda: {EXPRESSION: {1: clip("A", 0.7)}, VOICE: {2: voice(1.3)}},
        "two_character_token_labels",
    ),
    _steps("timesteps_4_steps_shift_5", 4),
    _steps("timesteps_30_steps_shift_5", 30),
    _sampled("sample_adapter_guidance_4", 1.0),
    _sampled("sample_text_5_adapter_4", 5.0),
)
