"""What a worker finds in its environment."""

import pytest

from engine.server.worker_environment import worker_environment


def test_a_worker_on_linux_lets_a_card_keep_memory_in_segments_that_grow():
    assert worker_environment({"HOME": "ada"}, "linux", "6.8.0-generic") == {
        "HOME": "ada",
        "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    }


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF"])
def test_what_the_user_has_set_about_memory_stands(name):
    given = {name: "max_split_size_mb:64"}
    assert worker_environment(given, "linux", "6.8.0-generic") == given


@pytest.mark.parametrize(
    ("system", "release"), [("win32", "11"), ("linux", "5.15.90.1-microsoft-standard-WSL2")]
)
def test_under_windows_large_blocks_of_a_cards_memory_are_left_whole(system, release):
    assert worker_environment({"HOME": "ada"}, system, release) == {
        "HOME": "ada",
        "PYTORCH_ALLOC_CONF": "max_split_size_mb:128",
    }


def test_a_system_without_cards_is_left_alone():
    assert worker_environment({"HOME": "ada"}, "darwin", "25.0.0") == {"HOME": "ada"}
