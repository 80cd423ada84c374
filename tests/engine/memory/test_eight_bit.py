"""Weights in eight bits with a scale for each output channel."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engine.memory.eight_bit import ScaledLinear, has_eight_bit, require_eight_bit, scaled_eight_bit
from engine.protocol.errors import BugError, UserError


def restored(weight):
    kept, scale = scaled_eight_bit(weight)
    assert kept.dtype is torch.float8_e4m3fn
    assert scale.dtype is torch.float32
    return kept.float() * scale[:, None]


def error_of(found, exact):
    return ((found - exact).norm() / exact.norm()).item()


def test_random_weights_are_off_by_less_than_three_hundredths():
    weight = torch.randn(400, 600, generator=torch.Generator().manual_seed(1))
    assert 0.02 < error_of(restored(weight), weight) < 0.03
    relative = ((restored(weight) - weight).abs() / weight.abs())[weight.abs() > 0.05]
    assert relative.max().item() <= 1 / 16 + 1e-3


@given(
    magnitude=st.floats(-44, 38),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    rows=st.integers(1, 5),
    columns=st.integers(1, 40),
)
@settings(max_examples=150, deadline=None)
def test_weights_of_any_size_keep_their_proportions(magnitude, dtype, rows, columns):
    weight = (torch.rand(rows, columns) * 2 - 1).mul(10.0**magnitude).to(dtype)
    found = restored(weight)
    assert torch.isfinite(found).all()
    largest = weight.float().abs().amax(dim=1, keepdim=True)
    tiniest = torch.finfo(torch.float32).tiny
    assert ((found - weight.float()).abs() <= largest / 16 + tiniest).all()


def test_a_channel_is_not_spoilt_by_a_large_one():
    weight = torch.randn(3, 500, generator=torch.Generator().manual_seed(2))
    weight[1] *= 1e6
    for row in range(3):
        assert error_of(restored(weight)[row], weight[row]) < 0.035


def test_zeros_stay_exactly_zero():
    weight = torch.zeros(3, 8)
    weight[1] = torch.tensor([0.0, 0.5, -1.0, 0, 0, 0, 0, 0])
    assert torch.equal(restored(weight), weight)


def test_no_columns_and_no_rows_are_no_fault():
    assert restored(torch.zeros(3, 0)).shape == (3, 0)
    assert restored(torch.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_no_number_is_refused(value):
    weight = torch.ones(4, 4)
    weight[2, 3] = value
    with pytest.raises(BugError, match="not finite"):
        scaled_eight_bit(weight)


@pytest.mark.parametrize(
    ("dtype", "rounding"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3), (torch.float16, 1e-3)]
)
def test_a_layer_computes_with_the_weights_it_keeps_in_the_format_it_is_given(dtype, rounding):
    torch.manual_seed(3)
    linear = nn.Linear(256, 96)
    layer = ScaledLinear(*scaled_eight_bit(linear.weight.detach()), linear.bias.detach().to(dtype))
    x = torch.randn(2, 33, 256)
    with torch.no_grad():
        exact = x.to(dtype).float() @ restored(linear.weight).T + linear.bias.to(dtype).float()
        found = layer(x.to(dtype))
        assert found.dtype is dtype
        assert error_of(found.float(), exact) < rounding
        assert 0.01 < error_of(found.float() - linear.bias, linear(x) - linear.bias) < 0.03
    assert not any(parameter.requires_grad for parameter in layer.parameters())


def test_a_layer_in_float16_does_not_run_out_of_numbers():
    linear = nn.Linear(5120, 4, bias=False)
    nn.init.constant_(linear.weight, 0.01)
    layer = ScaledLinear(*scaled_eight_bit(linear.weight.detach()), None)
    x = torch.full((1, 5120), 100.0, dtype=torch.float16)
    assert layer(x).tolist() == [pytest.approx([5120.0] * 4, rel=0.01)]


def test_the_processor_has_such_numbers_and_a_device_without_is_told():
    assert has_eight_bit(torch.device("cpu"))
    require_eight_bit(torch.device("cpu"))


def test_a_device_without_such_numbers_is_told(monkeypatch):
    def refused(*values, device):
        raise TypeError("no float8 here")

    monkeypatch.setattr(torch, "tensor", refused)
    assert not has_eight_bit(torch.device("cpu"))
    with pytest.raises(UserError, match="no 8-bit floating point numbers"):
        require_eight_bit(torch.device("cpu"))
