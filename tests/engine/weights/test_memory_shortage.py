"""Memory that runs out while weights are read is told as that, not as a damaged file."""

import errno
import sys
from contextlib import contextmanager

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import save_file

from engine.protocol.errors import UserError
from engine.weights.file_sources import open_source
from engine.weights.library_loading import FolderLayout, load_network
from engine.weights.memory_shortage import is_memory_shortage, let_memory_shortage_through

LARGE = 100_000_000  # never taken from what the process has and does not use


@contextmanager
def little_memory():
    """Let the system give this process 20 MB more than it has."""
    import resource  # not on Windows

    limits = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + 20_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: torch.empty(2**50),
        lambda: np.empty(2**50),
        lambda: bytearray(2**50),
    ],
)
def test_what_libraries_raise_for_too_little_memory_is_known(ask):
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        ask()
    assert is_memory_shortage(caught.value)
    with pytest.raises(MemoryError):
        let_memory_shortage_through(caught.value)


@pytest.mark.parametrize(
    ("error", "is_shortage"),
    [
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"), True),
        (RuntimeError("could not create a primitive"), True),
        (OSError(errno.EINVAL, "The paging file is too small for this operation to complete"), True),
        (RuntimeError("Die Auslagerungsdatei ist zu klein. (os error 1455)"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (512x64 and 80x96)"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("bad magic number"), False),
    ],
)
def test_other_errors_are_told_apart_from_it(error, is_shortage):
    assert is_memory_shortage(error) is is_shortage


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is that of Linux")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_checkpoint_that_does_not_fit_into_memory_is_not_called_damaged(tmp_path, zipped):
    path = tmp_path / "model.ckpt"
    torch.save({"a": torch.zeros(LARGE, dtype=torch.uint8)}, path, _use_new_zipfile_serialization=zipped)
    with little_memory(), pytest.raises(MemoryError):
        open_source(path)
    assert open_source(path).shape("a") == (LARGE,)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is that of Linux")
def test_a_whole_safetensors_file_that_does_not_fit_into_memory_is_not_called_damaged(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(LARGE, dtype=torch.uint8)}, path)
    with little_memory(), pytest.raises(MemoryError):
        open_source(path)


def test_a_network_that_does_not_fit_into_memory_is_not_called_badly_described(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "large"}')
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    layout = FolderLayout(
        described_by="model_type", description="large", safetensors="model", pickle="pytorch_model"
    )
    for ask, raised in ((2**50, MemoryError), (-1, UserError)):
        with pytest.raises(raised):
            load_network(
                lambda *given, size=ask, **named: torch.empty(size),
                tmp_path,
                layout,
                dtype=torch.float32,
                dtype_name="dtype",
            )


def test_a_windows_that_lends_no_more_memory_is_known_in_any_language():
    error = OSError(errno.EINVAL, "Die Auslagerungsdatei ist zu klein")
    assert not is_memory_shortage(error)
    error.winerror = 1455
    assert is_memory_shortage(error)
