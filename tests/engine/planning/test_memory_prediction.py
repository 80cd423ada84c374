"""What a plan says of memory is what tensors take: never less, and at most a tenth more."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.benchmark.memory_prediction import run_memory_prediction
from engine.benchmark.step_options import AskedStep, step_options
from engine.protocol.errors import UserError
from engine.protocol.memory_plan import PlanPhase
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
MOST = 1.10
SMALL_BYTES = 1_000_000
"""Below that a plan is wrong by nothing that matters."""


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors are slower on several threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def predicted(phases, grid=(3, 6, 8), piece_tokens=8192, narrow_tokens=False, tile_latents=None, **asked):
    given = {"width": 128, "blocks": 2, "heads": 1, "tokens": 960} | asked
    frames, rows, columns = grid
    options = replace(step_options(AskedStep(**given)), latent_frames=frames, rows=rows, columns=columns)
    result = run_memory_prediction(
        options,
        piece_tokens=piece_tokens,
        narrow_tokens=narrow_tokens,
        tile_latents=tile_latents,
        phases=tuple(phases),
    )
    assert [found.phase for found in result.phases] == list(phases)
    return result.phases


def is_right(found):
    most = max(MOST * found.measured_bytes, found.measured_bytes + SMALL_BYTES)
    return found.measured_bytes <= found.predicted_bytes <= most


@pytest.mark.parametrize(
    "case",
    [
        {"characters": 1},
        {"characters": 1, "grid": (4, 12, 20), "piece_tokens": 256},
        {"characters": 2, "grid": (3, 10, 16), "piece_tokens": 200, "width": 256, "heads": 2},
        {"characters": 3, "text_guidance": 1.0, "clip_only": True},
        {"characters": 1, "precision": "bfloat16", "grid": (3, 10, 16), "piece_tokens": 300},
        {"characters": 2, "precision": "bfloat16", "narrow_tokens": True, "grid": (3, 10, 16)},
    ],
)
def test_denoising_and_its_keys_and_values(case):
    voice = not case.pop("clip_only", False)
    phases = (PlanPhase.KEYS_AND_VALUES, PlanPhase.DENOISING)
    wrong = [found for found in predicted(phases, voice=voice, **case) if not is_right(found)]
    assert wrong == []


def test_encoders_and_the_pictures_codec():
    phases = (
        PlanPhase.PROMPT,
        PlanPhase.PLATE_PICTURE,
        PlanPhase.SPEECH,
        PlanPhase.PLATE_LATENTS,
        PlanPhase.DECODING,
    )
    wrong = [found for found in predicted(phases, characters=1, grid=(3, 3, 4)) if not is_right(found)]
    assert wrong == []


def test_the_pictures_codec_in_tiles():
    phases = (PlanPhase.PLATE_LATENTS, PlanPhase.DECODING)
    found = predicted(phases, characters=1, grid=(3, 6, 9), tile_latents=8)
    assert [each for each in found if not is_right(each)] == []


@pytest.mark.parametrize("asked", [{"piece_tokens": 0}, {"piece_tokens": 100, "tile_latents": 4}])
def test_pieces_and_tiles_that_cannot_be_are_refused(asked):
    with pytest.raises(UserError):
        run_memory_prediction(step_options(AskedStep()), **asked)


def test_the_command_prints_every_phase():
    command = [sys.executable, "-m", "engine.benchmark", "memory", "--width-model", "64", "--heads", "1"]
    size = ["--blocks", "1", "--tokens", "64", "--tile", "8"]
    done = subprocess.run(
        [*command, *size], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert {found["phase"] for found in json.loads(done.stdout)["phases"]} == set(PlanPhase)
