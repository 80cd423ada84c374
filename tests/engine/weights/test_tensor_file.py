"""Tensors out of files: lazily, mapped, and every kind of bad file named in a sentence."""

import json
import os
import pickle
import struct
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.tensor_file import open_tensors
from engine.weights.weight_descriptions import read_json, shards_of_index


class RunsCode:
    """Pickled, it asks to make a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def weights(tmp_path):
    """A small safetensors file."""
    path = tmp_path / "weights.safetensors"
    save_file({"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2, dtype=torch.bfloat16)}, path)
    return path


def refused(paths, code):
    with pytest.raises(UserError) as error:
        open_tensors(paths)
    assert error.value.report.code is code
    return error.value.report.message


def test_names_shapes_and_formats_are_known_without_reading(weights):
    file = open_tensors([weights])
    assert set(file.keys()) == {"a.weight", "a.bias"}
    assert (file.shape("a.weight"), file.dtype("a.weight")) == ((2, 3), torch.float32)
    assert file.dtype("a.bias") is torch.bfloat16
    assert file.shapes() == {"a.weight": (2, 3), "a.bias": (2,)}
    assert file.path_of("a.bias") == weights
    assert "a.bias" in file
    assert "b" not in file


def test_tensors_share_the_mapped_file(weights):
    file = open_tensors([weights])
    assert torch.equal(file.tensor("a.weight"), torch.arange(6.0).view(2, 3))
    assert file.tensor("a.weight").data_ptr() == file.tensor("a.weight").data_ptr()


def test_tensors_outlive_the_open_file(weights):
    tensor = open_tensors([weights]).tensor("a.weight")
    assert tensor.sum() == 15


def test_writing_into_a_tensor_leaves_the_file_alone(weights):
    open_tensors([weights]).tensor("a.weight").add_(1)
    assert open_tensors([weights]).tensor("a.weight").sum() == 15


@pytest.mark.parametrize("zipped", [True, False])
def test_a_nested_checkpoint_becomes_names_with_dots(tmp_path, zipped):
    path = tmp_path / "nested.ckpt"
    torch.save(
        {"proj": {"norm.weight": torch.ones(3)}, "x": torch.zeros(1, dtype=torch.float16)},
        path,
        _use_new_zipfile_serialization=zipped,
    )
    file = open_tensors([path])
    assert file.shapes() == {"proj.norm.weight": (3,), "x": (1,)}
    assert file.dtype("x") is torch.float16
    assert torch.equal(file.tensor("proj.norm.weight"), torch.ones(3))
    assert file.path_of("x") == path


def test_a_checkpoint_is_known_by_what_is_in_it(tmp_path):
    path = tmp_path / "renamed.safetensors"
    torch.save({"x": torch.ones(3)}, path)
    assert torch.equal(open_tensors([path]).tensor("x"), torch.ones(3))


def test_a_zipped_checkpoint_is_mapped(tmp_path):
    path = tmp_path / "large.ckpt"
    torch.save({"x": torch.zeros(3_000_000)}, path)
    measure = (
        "import sys, psutil; from pathlib import Path; from engine.weights.tensor_file import open_tensors\n"
        "before = psutil.Process().memory_info().rss\n"
        "file = open_tensors([Path(sys.argv[1])])\n"
        "print(psutil.Process().memory_info().rss - before)\n"
    )
    grown = subprocess.run(
        [sys.executable, "-c", measure, str(path)], check=True, capture_output=True, text=True
    ).stdout
    assert int(grown) < 8_000_000


def test_names_are_collected_over_shards(tmp_path):
    paths = [tmp_path / f"m-0000{i}-of-00002.safetensors" for i in (1, 2)]
    save_file({"a": torch.ones(1)}, paths[0])
    save_file({"b": torch.ones(2)}, paths[1])
    file = open_tensors(paths)
    assert file.keys() == ("a", "b")
    assert file.path_of("b") == paths[1]
    assert file.paths == tuple(paths)


def test_a_missing_file_is_named(tmp_path):
    assert "gone.safetensors are missing" in refused([tmp_path / "gone.safetensors"], ErrorCode.FILE_MISSING)


def test_a_shard_left_out_is_named(tmp_path):
    path = tmp_path / "m-00001-of-00003.safetensors"
    save_file({"a": torch.ones(1)}, path)
    assert "m-00002-of-00003.safetensors" in refused([path], ErrorCode.FILE_MISSING)


def test_a_folder_is_no_file(tmp_path):
    assert "are a folder" in refused([tmp_path], ErrorCode.FILE_UNREADABLE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes that look like files")
def test_a_pipe_is_no_file(tmp_path):
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    assert "no ordinary file" in refused([pipe], ErrorCode.FILE_UNREADABLE)


def test_a_file_below_a_file_is_missing(weights):
    assert "are missing" in refused([weights / "x"], ErrorCode.FILE_MISSING)


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "empty.safetensors"
    path.touch()
    assert "empty.safetensors are an empty file" in refused([path], ErrorCode.FILE_UNREADABLE)


@pytest.mark.parametrize("length", [-1, -20, 60])
def test_a_truncated_shard_is_named(weights, length):
    weights.write_bytes(weights.read_bytes()[:length])
    message = refused([weights], ErrorCode.FILE_UNREADABLE)
    assert "weights.safetensors were cut short" in message


def test_the_truncated_one_of_two_shards_is_named(tmp_path):
    paths = [tmp_path / f"m-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for path in paths:
        save_file({path.stem: torch.ones(9)}, path)
    paths[1].write_bytes(paths[1].read_bytes()[:-4])
    assert "m-00002-of-00002" in refused(paths, ErrorCode.FILE_UNREADABLE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"rubbish " * 400, "neither safetensors nor a torch checkpoint"),
        (b"abc", "neither safetensors nor a torch checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n", "Git LFS"),
        (b"<!DOCTYPE html><html>not found</html>", "web page"),
        (struct.pack("<Q", 40) + b"{not json" + b" " * 60, "not a safetensors file"),
        (struct.pack("<Q", 2**60) + b"{" + b" " * 60, "not a safetensors file"),
        (b"PK\x03\x04" + b"x" * 500, "cut short or are damaged"),
        (b"\x80\x02" + b"\xff" * 90, "are damaged"),
        (b"\x80", "damaged"),
        (b"(", "damaged"),
    ],
    ids=range(10),
)
def test_rubbish_is_told_from_weights(tmp_path, content, words):
    path = tmp_path / "renamed.safetensors"
    path.write_bytes(content)
    message = refused([path], ErrorCode.FILE_UNREADABLE)
    assert "renamed.safetensors" in message
    assert words in message


@pytest.mark.parametrize("length", [-1000, 200, 30])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_checkpoint_is_named(tmp_path, length, zipped):
    path = tmp_path / "cut.ckpt"
    torch.save({"x": torch.ones(3000)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:length])
    assert "cut.ckpt" in refused([path], ErrorCode.FILE_UNREADABLE)


@pytest.mark.parametrize("way", ["zip", "legacy", "pickle 0", "pickle 2", "pickle 4"])
def test_a_pickle_that_wants_to_run_code_is_not_run(tmp_path, way):
    path, made = tmp_path / "evil.ckpt", tmp_path / "made"
    content = {"x": torch.ones(2), "evil": RunsCode(made)}
    if way in {"zip", "legacy"}:
        torch.save(content, path, _use_new_zipfile_serialization=way == "zip")
    else:
        path.write_bytes(pickle.dumps({"evil": RunsCode(made)}, protocol=int(way[-1])))
    message = refused([path], ErrorCode.FILE_UNREADABLE)
    assert "evil.ckpt contain program code" in message
    assert "none of it was run" in message
    assert not made.exists()


def test_code_is_named_where_the_file_names_it(tmp_path):
    path = tmp_path / "evil.ckpt"
    torch.save({"evil": RunsCode(tmp_path / "made")}, path)
    assert ".system)" in refused([path], ErrorCode.FILE_UNREADABLE)


def test_a_whole_pickled_module_is_code(tmp_path):
    path = tmp_path / "module.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    assert "torch.nn.modules.linear.Linear" in refused([path], ErrorCode.FILE_UNREADABLE)


def test_what_is_no_tensor_is_named(tmp_path):
    path = tmp_path / "trained.ckpt"
    torch.save({"model": {"a": torch.ones(1), "epoch": 3}}, path)
    assert "model.epoch" in refused([path], ErrorCode.BAD_INPUT)


def test_a_list_of_tensors_has_no_names(tmp_path):
    path = tmp_path / "list.ckpt"
    torch.save([torch.ones(1)], path)
    assert "no names" in refused([path], ErrorCode.BAD_INPUT)


def test_a_dictionary_that_holds_itself_ends(tmp_path):
    path, content = tmp_path / "loop.ckpt", {}
    content["again"] = content
    torch.save(content, path)
    assert "again.again" in refused([path], ErrorCode.BAD_INPUT)


def test_a_number_that_pretends_to_be_many_is_refused(tmp_path):
    path = tmp_path / "huge.ckpt"
    torch.save({"x": torch.ones(1).expand(10**12)}, path)
    assert "x that is no plain tensor" in refused([path], ErrorCode.BAD_INPUT)


@pytest.mark.parametrize("tensor", [torch.ones(2).to_sparse(), torch.ones(2, device="meta")])
def test_a_tensor_without_memory_of_its_own_is_refused(tmp_path, tensor):
    path = tmp_path / "odd.ckpt"
    torch.save({"x": tensor}, path)
    assert "x that is no plain tensor" in refused([path], ErrorCode.BAD_INPUT)


def test_two_ways_to_one_name_are_refused(tmp_path):
    path = tmp_path / "twice.ckpt"
    torch.save({"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}}, path)
    assert "hold a.b a second time" in refused([path], ErrorCode.BAD_INPUT)


def test_a_name_in_two_shards_names_both(tmp_path):
    paths = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    for path in paths:
        save_file({"same": torch.ones(1), path.stem: torch.ones(1), "b": torch.ones(1)}, path)
    message = refused(paths, ErrorCode.BAD_INPUT)
    assert "two.safetensors" in message
    assert "one.safetensors" in message
    assert "and 1 more" in message


def write_index(folder, names):
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return index


def test_an_index_names_its_shards_once_each_in_order(tmp_path):
    for name in ("m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"):
        save_file({name: torch.ones(1)}, tmp_path / name)
    names = {
        "x": "m-00002-of-00002.safetensors",
        "y": "m-00001-of-00002.safetensors",
        "z": "m-00002-of-00002.safetensors",
    }
    shards = shards_of_index(write_index(tmp_path, names))
    assert [shard.name for shard in shards] == sorted(set(names.values()))


def test_an_index_that_names_a_missing_shard_says_which(tmp_path):
    with pytest.raises(UserError, match=r"gone\.safetensors are missing"):
        shards_of_index(write_index(tmp_path, {"x": "gone.safetensors"}))


@pytest.mark.parametrize("name", ["../other.safetensors", "/etc/passwd", "deeper/m.safetensors"])
def test_an_index_stays_in_its_folder(tmp_path, name):
    with pytest.raises(UserError, match="another folder"):
        shards_of_index(write_index(tmp_path, {"x": name}))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"weight_map": {}}', '{"weight_map": {"x": 3}}', "[" * 20000]
)
def test_an_index_that_says_nothing_is_named(tmp_path, text):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text)
    with pytest.raises(UserError) as error:
        shards_of_index(index)
    assert "model.safetensors.index.json" in error.value.report.message


def test_a_description_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"config\.json"):
        read_json(path)
