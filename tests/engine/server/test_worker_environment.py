"""What a worker finds in its environment."""

import pytest

from engine.server.worker_environment import worker_environment


def test_a_worker_on_linux_lets_a_card_keep_memory_in_segments_that_grow():
    assert worker_environment({"HOME": "ada"}, "linux") == {
        "HOME": "ada",
        "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    }


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF"])
def test_what_the_user_has_set_about_memory_stands(name):
    given = {name: "max_split_size_mb:64"}
    assert worker_environment(given, "linux") == given


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_left_alone(platform):
    assert worker_environment({"HOME": "ada"}, platform) == {"HOME": "ada"}
