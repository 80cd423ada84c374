"""The device a render computes on: what it is asked for and what it does best."""

import pytest
import torch

from engine.memory.device import (
    compute_float32_in_full,
    compute_precision,
    device_name,
    render_device,
    torch_dtype,
)
from engine.protocol.diffusion_settings import Precision

PROCESSOR = torch.device("cpu")


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
