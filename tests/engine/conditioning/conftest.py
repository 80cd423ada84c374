"""The conditioning's tests share the processor with other tests: tiny models gain nothing from threads."""

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Compute on one thread: beside other tests, threads wait for each other longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
