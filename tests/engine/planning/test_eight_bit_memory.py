"""What a plan says of a step with 8-bit weights is never less than it takes."""

import pytest
import torch

from engine.benchmark.stream_measuring import measure_way
from engine.benchmark.stream_model import stream_shot, stream_sizes
from engine.benchmark.stream_options import AskedStream, stream_options
from engine.benchmark.stream_plans import BudgetPlan, stream_workload
from engine.benchmark.stream_ways import adapter_loads, planned_way
from engine.memory.device import torch_dtype
from engine.planning.planner import plan_render
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import Concession, PlanPhase, WeightStorage
from tests.engine.planning.machines import GB, processor

PROCESSOR = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors are slower on several threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16])
@pytest.mark.parametrize("tokens", [64, 500])
def test_weights_in_eight_bits_take_no_more_than_planned(precision, tokens):
    asked = AskedStream(width=256, heads=2, blocks=2, tokens=tokens, precision=precision.value, repeats=1)
    options = stream_options(asked)
    shot = stream_shot(options.step, PROCESSOR, torch_dtype(precision))
    workload = stream_workload(options.step, precision, adapter_loads(shot))
    plan = plan_render(processor(8 * GB), workload, concession=Concession.EIGHT_BIT_WEIGHTS)
    assert plan.storage is WeightStorage.EIGHT_BIT
    way = planned_way(shot, stream_sizes(shot), BudgetPlan(budget_bytes=8 * GB, plan=plan), "resident")
    measured = measure_way(way, PROCESSOR, repeats=1).measures.peak_bytes
    assert measured <= plan.need(PlanPhase.DENOISING).device_bytes
