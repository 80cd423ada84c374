"""Encoded conditions on disk: found again, made again when damaged, bounded, never in the way of a render."""

import errno
import os
import stat
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditioning.condition_cache import ConditionCache, array_digest, cache_key
from engine.protocol.errors import BugError

KEY = cache_key("prompt", text="a woman")


def drawn(seed=0, count=100):
    return {"text": torch.randn(count, generator=torch.Generator().manual_seed(seed))}


def never():
    raise AssertionError("made again")


def test_a_second_take_makes_nothing_again(tmp_path):
    first = ConditionCache(tmp_path / "conditions")
    made = first.tensors(KEY, drawn)
    second = ConditionCache(tmp_path / "conditions")
    kept = second.tensors(KEY, never)
    assert torch.equal(kept["text"], made["text"])
    assert (first.hits["prompt"], first.misses["prompt"]) == (0, 1)
    assert (second.hits["prompt"], second.misses["prompt"]) == (1, 0)
    assert first.warnings == second.warnings == []


def test_hits_and_misses_are_counted_by_kind(tmp_path):
    cache = ConditionCache(tmp_path)
    image = cache_key("image", picture="x")
    for key in (KEY, image, image, image):
        cache.tensors(key, drawn)
    assert cache.hits == {"image": 2}
    assert cache.misses == {"prompt": 1, "image": 1}


def test_what_does_not_suit_is_made_anew_and_kept_instead(tmp_path):
    cache = ConditionCache(tmp_path)
    cache.tensors(KEY, lambda: drawn(count=3))

    def is_long(kept):
        return len(kept["text"]) >= 5

    assert len(cache.tensors(KEY, lambda: drawn(count=5), suits=is_long)["text"]) == 5
    assert len(cache.tensors(KEY, never, suits=is_long)["text"]) == 5
    assert len(cache.tensors(KEY, never)["text"]) == 5
    assert (cache.hits["prompt"], cache.misses["prompt"]) == (2, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool])
def test_every_type_and_shape_comes_back(tmp_path, dtype):
    tensors = {
        "plain": torch.ones(2, 3, dtype=dtype),
        "turned": torch.ones(4, 2, dtype=dtype).T,
        "alone": torch.zeros((), dtype=dtype),
        "empty": torch.zeros(0, 5, dtype=dtype),
    }
    tensors["shared"] = tensors["plain"][1]
    cache = ConditionCache(tmp_path)
    cache.tensors(KEY, lambda: tensors)
    kept = cache.tensors(KEY, never)
    assert kept.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert kept[name].dtype == dtype
        assert torch.equal(kept[name], tensor)


def test_what_is_returned_belongs_to_the_caller(tmp_path):
    cache, mine = ConditionCache(tmp_path), drawn()
    before = mine["text"].clone()
    cache.tensors(KEY, lambda: mine)["text"].zero_()
    cache.tensors(KEY, never)["text"].zero_()
    assert torch.equal(mine["text"], before)
    assert torch.equal(cache.tensors(KEY, never)["text"], before)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def rubbish(path):
    path.write_bytes(os.urandom(500))


def one_bit_changed(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def without_digest(path):
    from safetensors.torch import save_file

    save_file({"text": torch.zeros(100)}, path)


def header_not_a_dictionary(path):
    path.write_bytes((4).to_bytes(8, "little") + b"[[]]")


def header_too_long(path):
    path.write_bytes((2**60).to_bytes(8, "little") + b"{}")


@pytest.mark.parametrize(
    "damage",
    [
        cut_in_half, emptied, rubbish, one_bit_changed, without_digest, header_not_a_dictionary,
        header_too_long,
    ],
)  # fmt: skip
def test_a_damaged_file_is_made_again(tmp_path, damage):
    cache = ConditionCache(tmp_path)
    made = cache.tensors(KEY, drawn)
    damage(tmp_path / f"{KEY}.safetensors")
    assert torch.equal(cache.tensors(KEY, drawn)["text"], made["text"])
    assert cache.misses["prompt"] == 2
    assert torch.equal(cache.tensors(KEY, never)["text"], made["text"])
    assert cache.warnings == []


def test_a_full_disk_costs_the_cache_and_not_the_render(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    cache = ConditionCache(tmp_path)
    for key in (KEY, KEY, cache_key("image", picture="x")):
        assert torch.equal(cache.tensors(key, drawn)["text"], drawn()["text"])
    (warning,) = cache.warnings
    assert warning.startswith(
        "What was prepared for this take is not kept for the next one. The disk is full"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_costs_the_cache_and_not_the_render(tmp_path):
    (tmp_path / "conditions").write_text("not a folder")
    cache = ConditionCache(tmp_path / "conditions")
    assert torch.equal(cache.tensors(KEY, drawn)["text"], drawn()["text"])
    assert len(cache.warnings) == 1


def test_a_folder_in_the_place_of_a_file_costs_the_cache_and_not_the_render(tmp_path):
    (tmp_path / f"{KEY}.safetensors").mkdir()
    cache = ConditionCache(tmp_path)
    assert torch.equal(cache.tensors(KEY, drawn)["text"], drawn()["text"])
    assert len(cache.warnings) == 1


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="rights do not bind here")
def test_a_folder_that_allows_no_writing_still_serves_what_it_holds(tmp_path):
    ConditionCache(tmp_path).tensors(KEY, drawn)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    cache = ConditionCache(tmp_path)
    cache.tensors(KEY, never)
    cache.tensors(cache_key("image", picture="x"), drawn)
    tmp_path.chmod(stat.S_IRWXU)
    assert len(cache.warnings) == 1


def test_an_end_while_making_leaves_nothing(tmp_path):
    def stopped():
        raise InterruptedError

    cache = ConditionCache(tmp_path)
    with pytest.raises(InterruptedError):
        cache.tensors(KEY, stopped)
    assert (list(tmp_path.iterdir()), cache.misses) == ([], {})


def test_the_least_recently_used_are_removed_first(tmp_path):
    keys = [cache_key("image", picture=str(number)) for number in range(4)]
    cache = ConditionCache(tmp_path, most_bytes=2000)
    for age, key in enumerate(keys[:3]):
        cache.tensors(key, drawn)
        os.utime(tmp_path / f"{key}.safetensors", (1000 + age, 1000 + age))
    cache.tensors(keys[0], never)  # used again: now the second is the oldest
    cache.tensors(keys[3], drawn)
    left = {path.name.removesuffix(".safetensors") for path in tmp_path.iterdir()}
    assert left == {keys[0], keys[2], keys[3]}


def test_one_value_larger_than_the_whole_cache_is_not_kept_and_removes_nothing(tmp_path):
    cache = ConditionCache(tmp_path, most_bytes=1000)
    cache.tensors(KEY, drawn)
    large = cache.tensors(cache_key("plate", picture="x"), lambda: drawn(count=1000))
    assert len(large["text"]) == 1000
    cache.tensors(KEY, never)
    assert len(list(tmp_path.iterdir())) == 1


def test_other_files_in_the_folder_are_let_be(tmp_path):
    (tmp_path / "notes.txt").write_text("x" * 5000)
    (tmp_path / ".being-written.safetensors").write_text("x" * 5000)
    cache = ConditionCache(tmp_path, most_bytes=1000)
    cache.tensors(KEY, drawn)
    assert len(list(tmp_path.iterdir())) == 3


WRITER = """
import sys
from pathlib import Path
import torch
from engine.conditioning.condition_cache import ConditionCache, cache_key
cache = ConditionCache(Path(sys.argv[1]), most_bytes=30_000)
for round in range(60):
    key = cache_key("image", picture=str(round % 12))
    made = cache.tensors(key, lambda: {"image": torch.full((1000,), float(round % 12))})
    assert torch.equal(made["image"], torch.full((1000,), float(round % 12)))
assert cache.warnings == [], cache.warnings
"""


def test_two_processes_at_once_do_no_harm(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 30_000


def test_parts_of_different_types_and_names_make_different_keys():
    parts = ["1", 1, 1.0, Fraction(1), None, "", "None", Fraction(1, 2), 0.5]
    keys = {cache_key("image", part=part) for part in parts}
    keys |= {cache_key("plate", part="1"), cache_key("image", other="1"), cache_key("image")}
    assert len(keys) == len(parts) + 3


def test_a_key_is_stable_and_names_its_kind():
    key = cache_key("face_track", clip="abc", rate=Fraction(24000, 1001), neutral=None, scale=0.1)
    assert key == "face_track-9392aab06f02ce3e8569d65365e1394e1c92af18"
    assert key == cache_key(
        "face_track", scale=np.float64(0.1), neutral=None, rate=Fraction(48000, 2002), clip="abc"
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=2, unique=True))
def test_texts_never_run_into_each_other(pairs):
    (a, b), (c, d) = pairs
    assert cache_key("image", one=a, two=b) != cache_key("image", one=c, two=d)


@pytest.mark.parametrize("kind", ["", "Image", "a-b", "../up", "bild_ü", "a b"])
def test_a_kind_that_is_no_word_is_a_fault(kind):
    with pytest.raises(BugError):
        cache_key(kind)


def test_the_digest_of_an_array_knows_its_type_and_shape():
    flat = np.arange(6, dtype=np.uint8)
    arrays = [flat, flat.reshape(2, 3), flat.reshape(3, 2), flat.astype(np.int8), flat.reshape(2, 3).T]
    assert len({array_digest(array) for array in arrays}) == len(arrays)
    assert array_digest(flat[::2]) == array_digest(flat[::2].copy())
