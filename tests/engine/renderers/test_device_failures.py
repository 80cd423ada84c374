"""What a render makes of a device that fails: another attempt, an error for people, or a fault."""

import pytest
import torch

from engine.memory.card_failures import card_failures, is_device_shortage, is_full_card
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import PlanPhase
from engine.renderers.device_failures import failures_of, require_device_of_before
from engine.renderers.phase_watch import PhaseWatch
from engine.renderers.renderer import DeviceLostError, MemoryRanOutError

CPU, CARD = torch.device("cpu"), torch.device("cuda", 0)


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


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes do not fit"),
        torch.AcceleratorError("CUDA error: invalid configuration argument"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasGemmEx`"),
    ],
    ids=repr,
)
def test_any_other_error_is_a_fault_and_a_call_that_a_card_did_not_take_is_one(error):
    with pytest.raises(RuntimeError, match=str(error)[:20]), failures_of(CPU, Memory(), PhaseWatch(CPU)):
        raise error


@pytest.mark.parametrize(
    "said", ["no kernel image is available for execution on the device", "invalid device function"]
)
def test_libraries_that_were_built_for_other_cards_are_told_as_that_while_measuring_and_rendering(said):
    memory, told = Memory(), []
    for failures in (card_failures(CARD), failures_of(CPU, memory, PhaseWatch(CPU))):
        with pytest.raises(UserError, match="was not built for this graphics card") as caught, failures:
            raise torch.AcceleratorError(f"CUDA error: {said}\nCUDA kernel errors might be reported later")
        told.append(caught.value.report)
    assert told[0] == told[1]
    assert (told[0].code, told[0].details) == (
        ErrorCode.RENDERER_UNAVAILABLE,
        {"error": f"CUDA error: {said}"},
    )
    assert memory.heard == []


def test_a_card_that_is_lost_while_it_is_measured_does_not_answer():
    with pytest.raises(UserError, match="does not answer"), card_failures(CARD):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")


@pytest.mark.parametrize(
    ("error", "of_host"),
    [
        (torch.OutOfMemoryError("out of memory"), False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), False),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), False),
        (torch.AcceleratorError("CUDA error: out of memory"), False),
        (RuntimeError("CUDA driver error: out of memory"), False),
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
    ],
    ids=repr,
)
def test_beside_a_card_it_is_told_whose_memory_ran_out(error, of_host):
    assert is_device_shortage(error, CARD) is not of_host
    assert is_device_shortage(error, CPU)


def test_a_shortage_that_became_a_memory_error_on_its_way_is_still_the_cards():
    try:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        except RuntimeError as cause:
            raise MemoryError from cause
    except MemoryError as error:
        assert is_device_shortage(error, CARD)


@pytest.mark.parametrize(("free", "is_full"), [(10**8, True), (10**10, False)])
def test_a_library_without_room_on_a_full_card_means_a_shortage(free, is_full, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 8 * 10**9))
    error = RuntimeError("GET was unable to find an engine to execute this computation")
    assert is_full_card(error, CARD) is is_full
    assert not is_full_card(error, CPU)
    assert not is_full_card(RuntimeError("shapes do not fit"), CARD)


def test_a_render_that_a_card_began_does_not_go_on_by_the_processor(tmp_path):
    require_device_of_before(tmp_path, "request weights", CPU)
    mark = tmp_path / "fingerprint"
    mark.write_text("request weights on NVIDIA Card in bfloat16")
    with pytest.raises(DeviceLostError) as caught:
        require_device_of_before(tmp_path, "request weights", CPU)
    assert caught.value.device == "NVIDIA Card"
    require_device_of_before(tmp_path, "another request", CPU)
    require_device_of_before(tmp_path, "request weights", CARD)
    mark.write_text("request weights on processor in float32")
    require_device_of_before(tmp_path, "request weights", CPU)
