"""The device a render computes on: what it is asked for and what it does best."""

import pytest
import torch

from engine.memory import device
from engine.memory.device import (
    compute_float32_in_full,
    compute_precision,
    device_name,
    limit_this_process,
    render_device,
    torch_dtype,
)
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import UserError

PROCESSOR, CARD = torch.device("cpu"), torch.device("cuda", 0)
GIB = 2**30


@pytest.mark.parametrize("asked", [Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16])
def test_a_number_format_that_was_asked_for_is_taken(asked):
    assert compute_precision(PROCESSOR, asked) is asked
    assert torch_dtype(asked) is getattr(torch, asked.value)


def test_a_processor_computes_in_float32_by_itself():
    assert compute_precision(PROCESSOR, Precision.AUTO) is Precision.FLOAT32
    assert device_name(PROCESSOR) == "processor"


def test_without_a_card_the_processor_renders():
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    assert render_device() == PROCESSOR


def test_float32_is_computed_in_full():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = True
        compute_float32_in_full()
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize(
    ("has_its_own", "best"), [(True, Precision.BFLOAT16), (False, Precision.FLOAT16)], ids=["new", "old"]
)
def test_a_card_that_only_imitates_bfloat16_computes_in_float16(has_its_own, best, monkeypatch):
    def supported(including_emulation=True):
        return has_its_own or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "RTX 2080")
    assert compute_precision(CARD, Precision.AUTO) is best
    if has_its_own:
        assert compute_precision(CARD, Precision.BFLOAT16) is Precision.BFLOAT16
    else:
        with pytest.raises(UserError, match="RTX 2080 cannot compute in bfloat16"):
            compute_precision(CARD, Precision.BFLOAT16)


@pytest.mark.parametrize(
    ("system", "release", "limit", "fraction"),
    [
        ("win32", "10", None, 0.625),
        ("win32", "10", 4 * GIB, 0.5),
        ("win32", "10", 90 * GIB, 0.625),
        ("linux", "5.15.90.1-microsoft-standard-WSL2", None, 0.625),
        ("linux", "6.8.0-generic", 4 * GIB, 0.5),
        ("linux", "6.8.0-generic", 90 * GIB, 1.0),
        ("linux", "6.8.0-generic", None, None),
    ],
)
def test_under_windows_a_process_takes_no_more_of_a_card_than_is_free(
    system, release, limit, fraction, monkeypatch
):
    asked = []
    monkeypatch.setattr(device.sys, "platform", system)
    monkeypatch.setattr(device.platform, "release", lambda: release)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda card: (4 * GIB + 128 * 2**20, 8 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda card: GIB)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: asked.append(given))
    limit_this_process(CARD, limit)
    assert asked == ([] if fraction is None else [(fraction, CARD)])
