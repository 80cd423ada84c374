"""What a render makes of a device that fails: another attempt, an error for people, or a fault."""

import pytest
import torch

from engine.protocol.memory_plan import PlanPhase
from engine.renderers.device_failures import failures_of, require_device_of_before
from engine.renderers.phase_watch import PhaseWatch
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import DeviceLostError, MemoryRanOutError
from tests.diffusion_records import diffusion_record

CPU = torch.device("cpu")


class Memory:
    """Hears that memory ran out."""

    def __init__(self):
        self.heard = []

    def ran_out(self, phase, *, of_host):
        self.heard.append((phase, of_host))
        return MemoryRanOutError("log", told="people")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=repr,
)
def test_memory_that_ran_out_is_told_with_the_phase_it_ran_out_in(error):
    memory, phases = Memory(), PhaseWatch(CPU)
    with (
        pytest.raises(MemoryRanOutError),
        failures_of(CPU, memory, phases),
        phases.phase(PlanPhase.DECODING),
    ):
        raise error
    assert memory.heard == [(PlanPhase.DECODING, False)]


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: unspecified launch failure"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
    ],
    ids=repr,
)
def test_a_device_that_failed_is_lost_for_this_process(error):
    with pytest.raises(DeviceLostError), failures_of(CPU, Memory(), PhaseWatch(CPU)):
        raise error


def test_any_other_error_is_a_fault():
    with pytest.raises(RuntimeError, match="shapes"), failures_of(CPU, Memory(), PhaseWatch(CPU)):
        raise RuntimeError("shapes do not fit")


def test_a_render_that_a_card_began_does_not_go_on_by_the_processor(tmp_path):
    require_device_of_before(tmp_path, CPU)
    RenderNotes(tmp_path).keep_record(diffusion_record(device="NVIDIA Card"))
    with pytest.raises(DeviceLostError) as caught:
        require_device_of_before(tmp_path, CPU)
    assert caught.value.device == "NVIDIA Card"
    RenderNotes(tmp_path).keep_record(diffusion_record(device="processor"))
    require_device_of_before(tmp_path, CPU)
