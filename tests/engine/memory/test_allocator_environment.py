"""How processes that compute on a card are told to keep its memory."""

import os
import runpy
import sys
from functools import partial
from pathlib import Path

import pytest

from engine.memory.allocator_environment import allocator_environment

ENGINE = Path(__file__).parents[3] / "engine"
NAMES = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")


def test_on_linux_a_cards_memory_is_kept_in_segments_that_grow():
    assert allocator_environment({"HOME": "ada"}, "linux", "6.8.0-generic") == {
        "HOME": "ada",
        "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_the_user_has_set_about_memory_stands(name):
    given = {name: "max_split_size_mb:64"}
    assert allocator_environment(given, "linux", "6.8.0-generic") == given


@pytest.mark.parametrize(
    ("system", "release"), [("win32", "11"), ("linux", "5.15.90.1-microsoft-standard-WSL2")]
)
def test_under_windows_large_blocks_of_a_cards_memory_are_left_whole(system, release):
    assert allocator_environment({"HOME": "ada"}, system, release) == {
        "HOME": "ada",
        "PYTORCH_ALLOC_CONF": "max_split_size_mb:128",
    }


def test_a_system_without_cards_is_left_alone():
    assert allocator_environment({"HOME": "ada"}, "darwin", "25.0.0") == {"HOME": "ada"}


@pytest.mark.parametrize("package", ["memory", "benchmark"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}),
        ({"PYTORCH_CUDA_ALLOC_CONF": "garbage_collection_threshold:0.8"},) * 2,
    ],
    ids=["left alone", "set by the user"],
)
def test_what_measures_a_card_keeps_its_memory_as_a_worker_does(
    package, given, expected, monkeypatch, capsys
):
    on_linux = partial(allocator_environment, system="linux", release="6.8.0-generic")
    monkeypatch.setattr("engine.memory.allocator_environment.allocator_environment", on_linux)
    for name in NAMES:
        monkeypatch.setenv(name, given.get(name, ""))
    monkeypatch.setattr(sys, "argv", [package, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ENGINE / package / "__main__.py"), run_name="__main__")
    assert ended.value.code == 0
    assert {name: value for name in NAMES if (value := os.environ.get(name))} == expected
