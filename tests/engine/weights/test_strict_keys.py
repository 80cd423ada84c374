"""Names, shapes and numbers of a file against what is expected, in one sentence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.module_filling import Naming, fill_module
from engine.weights.strict_keys import check_finite, check_keys, is_finite
from engine.weights.tensor_file import open_tensors

FORMATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn)


@pytest.fixture
def opened(tmp_path):
    """Return a function that writes tensors as files and opens them."""

    def write(*files):
        paths = [tmp_path / f"part{number}.safetensors" for number in range(len(files))]
        for path, tensors in zip(paths, files, strict=True):
            save_file(tensors, path)
        return open_tensors(paths)

    return write


def refused(file, expected, **options):
    with pytest.raises(UserError) as error:
        check_keys(file, expected, **options)
    assert error.value.report.code is ErrorCode.BAD_INPUT
    return error.value.report


def test_what_is_expected_passes(opened):
    check_keys(opened({"a": torch.ones(2, 3), "b": torch.ones(())}), {"a": (2, 3), "b": ()})


def test_missing_keys_are_counted(opened):
    report = refused(opened({"a": torch.ones(1)}), {"x": (1,), "a": (1,), "y": (2,), "z": (3,)})
    assert "part0.safetensors lack x and 2 more" in report.message
    assert report.details["key"] == "x"


def test_missing_keys_of_several_files_name_the_first_and_how_many(opened):
    message = refused(
        opened({"a": torch.ones(1)}, {"b": torch.ones(1)}), {"a": (1,), "b": (1,), "c": (1,)}
    ).message
    assert "part0.safetensors and 1 more file with them lack c" in message


def test_an_extra_key_names_its_file(opened):
    message = refused(opened({"a": torch.ones(1)}, {"odd": torch.ones(1)}), {"a": (1,)}).message
    assert "part1.safetensors hold odd, which does not belong" in message


def test_an_extra_key_may_be_passed_over(opened):
    file = opened({"a": torch.ones(1), "head.x": torch.ones(1)})
    check_keys(file, {"a": (1,)}, passed_over=lambda key: key.startswith("head."))


def test_a_wrong_shape_names_its_file_and_both_shapes(opened):
    file = opened({"a": torch.ones(1)}, {"b": torch.ones(2, 3), "c": torch.ones(())})
    message = refused(file, {"a": (1,), "b": (3, 2), "c": (1,)}).message
    assert "part1.safetensors hold b and 1 more as 2 x 3 where 3 x 2 is needed" in message


@pytest.mark.parametrize("number_format", FORMATS)
def test_numbers_are_finite(number_format):
    assert is_finite(torch.linspace(-3, 3, 100).to(number_format))


@pytest.mark.parametrize("number_format", FORMATS)
@given(place=st.integers(0, 999), shape=st.sampled_from([(1000,), (10, 100), (10, 10, 10)]))
@settings(max_examples=10, deadline=None)
def test_one_value_that_is_no_number_is_found_wherever_it_is(number_format, place, shape):
    tensor = torch.zeros(1000)
    tensor[place] = float("nan")
    assert not is_finite(tensor.to(number_format).view(shape))


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinity_is_no_number(value):
    assert not is_finite(torch.tensor([1.0, value]))


@pytest.mark.parametrize("tensor", [torch.zeros(0), torch.ones(3, dtype=torch.int64), torch.tensor([True])])
def test_nothing_and_whole_numbers_are_finite(tensor):
    assert is_finite(tensor)


def test_the_first_key_that_is_no_number_is_named(opened):
    file = opened({"a": torch.ones(2)}, {"b": torch.tensor([1.0, float("nan")])})
    with pytest.raises(UserError) as error:
        check_finite(file)
    assert "part1.safetensors hold values in b that are not numbers" in error.value.report.message
    check_finite(opened({"a": torch.ones(2)}))


def empty_linear():
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def weights_of(module):
    return {f"net.{key}": torch.ones_like(value, device="cpu") for key, value in module.state_dict().items()}


def test_a_network_is_filled_in_the_format_that_is_asked_for(opened):
    module = empty_linear()
    naming = Naming(name_in_file=lambda key: f"net.{key}")
    fill_module(module, opened(weights_of(module)), naming=naming, dtype=torch.bfloat16, keep_float32=("1",))
    assert module[0].weight.dtype is torch.bfloat16
    assert module[1].running_mean.dtype is torch.float32
    assert module[1].num_batches_tracked.dtype is torch.int64
    assert not module.training
    assert not module[0].weight.requires_grad


def test_weights_in_eight_bits_are_widened(opened):
    module, naming = empty_linear(), Naming(name_in_file=lambda key: f"net.{key}")
    weights = weights_of(module)
    weights["net.0.weight"] = weights["net.0.weight"].to(torch.float8_e4m3fn)
    fill_module(module, opened(weights), naming=naming, dtype=torch.float32)
    assert torch.equal(module[0].weight, torch.ones(3, 2))
