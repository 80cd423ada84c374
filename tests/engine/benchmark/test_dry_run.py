"""Tensors without arithmetic: what is allocated is what a real run allocates."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from engine.benchmark.dry_run import DryRun
from engine.benchmark.memory_prediction import run_memory_prediction
from engine.benchmark.memory_watch import watched
from engine.benchmark.step_options import AskedStep, step_options
from engine.protocol.memory_plan import PlanPhase

PROCESSOR = torch.device("cpu")
LARGE = 2**12


def test_every_tensor_has_its_shape_and_nothing_is_computed():
    network = nn.Sequential(nn.Linear(64, 512), nn.GELU(), nn.Linear(512, 64), nn.LayerNorm(64))
    given = torch.ones(200, 64)
    with torch.inference_mode(), DryRun(computed=LARGE):
        found, product = network(given), given @ given.T
    assert found.shape == (200, 64)
    assert found.dtype is torch.float32
    assert not found.any()
    assert not product.any()


def test_what_is_small_or_whole_is_computed():
    with DryRun(computed=LARGE):
        places = torch.arange(LARGE * 2).remainder(7)
        assert int(places.sum()) == sum(number % 7 for number in range(LARGE * 2))
        assert torch.ones(10, 10).matmul(torch.ones(10, 10)).sum() == 1000
        assert torch.nonzero(torch.arange(9) > 5).flatten().tolist() == [6, 7, 8]


def test_views_stay_views_and_what_writes_in_place_writes_nothing():
    with DryRun(computed=LARGE):
        given = torch.zeros(2, LARGE)
        assert given[1].data_ptr() == given.data_ptr() + 4 * LARGE
        assert given.flatten().data_ptr() == given.data_ptr()
        assert given.T.flatten().data_ptr() != given.data_ptr()
        assert given.add_(1.0) is given
        assert given.half().dtype is torch.float16
        whole, rest = torch.cat([given, given]).split([3, 1])
        assert (whole.shape, rest.shape) == ((3, LARGE), (1, LARGE))
    assert not given.any()


def test_numbers_nobody_computed_are_finite():
    with DryRun(computed=LARGE):
        assert torch.isfinite(torch.empty(4, LARGE).sqrt()).all()
        values, places = torch.ones(4, LARGE).max(dim=0)
        assert (values.dtype, places.dtype) == (torch.float32, torch.int64)


def test_it_takes_the_memory_that_computing_takes():
    network = nn.Sequential(*(nn.Linear(256, 256) for _ in range(4)))

    def work():
        with torch.no_grad():
            return network(torch.ones(500, 256)).softmax(dim=1).reshape(250, 512).T.contiguous()

    _, computed = watched(PROCESSOR, work, held_bytes=0)
    with DryRun(computed=LARGE):
        _, dry = watched(PROCESSOR, work, held_bytes=0)
    assert dry == computed > 2 * 500 * 256 * 4


@pytest.mark.parametrize("phase", [PlanPhase.KEYS_AND_VALUES, PlanPhase.DENOISING, PlanPhase.DECODING])
def test_phases_of_the_published_width_take_what_is_planned(phase):
    asked = AskedStep(width=5120, heads=40, blocks=1, tokens=32_760, precision="bfloat16", characters=2)
    options = replace(step_options(asked), feed_forward=13_824)
    (found,) = run_memory_prediction(options, piece_tokens=8192, dry=True, phases=(phase,)).phases
    assert found.measured_bytes > 10**9
    assert 1.0 <= found.ratio <= 1.10


def test_a_short_shot_takes_what_is_planned():
    """Beside few tokens it is the weights made float32 for the timestep that count."""
    asked = AskedStep(width=5120, heads=40, blocks=1, tokens=256, precision="bfloat16", characters=1)
    options = replace(step_options(asked), feed_forward=13_824)
    [found] = run_memory_prediction(options, piece_tokens=512, dry=True, phases=(PlanPhase.DENOISING,)).phases
    assert 1.0 <= found.ratio <= 1.10
