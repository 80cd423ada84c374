"""Tensors read forward in pieces: the numbers of the file, in its order, also where it changes meanwhile."""

import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.tensor_file import open_tensors

FORMATS = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.int64,
    torch.uint8,
    torch.bool,
]
LONG = 3_000_000  # numbers: several pieces


@pytest.fixture
def weights():
    """Tensors of all formats and shapes, one of them long, one empty, one a single number."""
    made = {f"w{number}": torch.arange(6).view(2, 3).to(dtype) for number, dtype in enumerate(FORMATS)}
    return {
        **made,
        "long": torch.arange(LONG, dtype=torch.float32),
        "empty": torch.ones(0, 4),
        "single": torch.tensor(3.0, dtype=torch.bfloat16),
    }


def write(folder, weights, form):
    """Write weights; torch's old form knows no eight-bit numbers, which are left out of it."""
    if form == "safetensors":
        save_file(weights, folder / "weights.safetensors")
        return folder / "weights.safetensors"
    if form == "bare pickle":
        del weights[f"w{FORMATS.index(torch.float8_e4m3fn)}"]
    torch.save(weights, folder / "weights.ckpt", _use_new_zipfile_serialization=form == "zip")
    return folder / "weights.ckpt"


EVERY_FORM = pytest.mark.parametrize("form", ["safetensors", "zip", "bare pickle"])


def joined(pieces, like):
    return torch.cat([*(piece.clone() for piece in pieces), like.new_empty(0)])


@EVERY_FORM
def test_pieces_are_the_numbers_of_the_file(tmp_path, weights, form):
    file = open_tensors([write(tmp_path, weights, form)])
    read = {key: joined(pieces, weights[key]) for key, pieces in file.read(weights)}
    assert read.keys() == weights.keys()
    bits = {key: (read[key].view(torch.uint8), weights[key].reshape(-1).view(torch.uint8)) for key in weights}
    assert all(torch.equal(own, expected) for own, expected in bits.values())
    assert all(read[key].dtype is weights[key].dtype for key in weights)


def test_only_what_is_asked_for_is_read_in_the_order_of_the_file(tmp_path, weights):
    path = write(tmp_path, weights, "safetensors")
    with safe_open(path, framework="pt") as file:
        in_order = file.offset_keys()
    wanted = in_order[1::2]
    assert in_order != sorted(in_order)
    assert [key for key, _ in open_tensors([path]).read(frozenset(wanted))] == wanted


def test_a_transposed_tensor_of_a_checkpoint_is_read_as_it_is_seen(tmp_path):
    seen = torch.arange(12.0).view(3, 4).t()
    path = write(tmp_path, {"seen": seen, "part": torch.arange(100.0)[10:20]}, "zip")
    read = {key: joined(pieces, seen) for key, pieces in open_tensors([path]).read({"seen", "part"})}
    assert torch.equal(read["seen"].view(4, 3), seen)
    assert torch.equal(read["part"], torch.arange(10.0, 20.0))


def test_files_are_read_one_after_the_other(tmp_path):
    paths = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    save_file({"c": torch.ones(2), "a": torch.ones(1)}, paths[0])
    save_file({"b": torch.zeros(3)}, paths[1])
    assert [key for key, _ in open_tensors(paths).read({"a", "b", "c"})] == ["a", "c", "b"]


def test_a_file_that_is_cut_short_while_it_is_read_is_named(tmp_path, weights):
    path = write(tmp_path, weights, "safetensors")
    file = open_tensors([path])
    with pytest.raises(UserError, match=r"weights\.safetensors were cut short") as error:
        for number, (_, pieces) in enumerate(file.read(weights)):
            if number == 0:
                os.truncate(path, path.stat().st_size // 2)
            list(pieces)
    assert error.value.report.code is ErrorCode.FILE_UNREADABLE


@EVERY_FORM
def test_a_file_that_is_written_while_it_is_read_is_named(tmp_path, weights, form):
    path = write(tmp_path, weights, form)
    with pytest.raises(UserError, match="changed while they were in use") as error:
        for _, pieces in open_tensors([path]).read(weights):
            list(pieces)
            os.utime(path, ns=(1, 1))
    assert error.value.report.code is ErrorCode.WRONG_STATE


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system takes no advice")
def test_a_file_system_that_takes_no_advice_is_read_all_the_same(tmp_path, weights, monkeypatch):
    asked = []

    def refuse(*advice):
        asked.append(advice)
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "posix_fadvise", refuse)
    file = open_tensors([write(tmp_path, weights, "safetensors")])
    assert {key: joined(pieces, weights[key]).numel() for key, pieces in file.read({"long"})} == {
        "long": LONG
    }
    assert len(asked) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_a_file_that_may_not_be_read_any_more_is_named(tmp_path, weights):
    path = write(tmp_path, weights, "safetensors")
    file = open_tensors([path])
    path.chmod(0)
    with pytest.raises(UserError, match=r"weights\.safetensors cannot be read"):
        list(file.read(weights))
