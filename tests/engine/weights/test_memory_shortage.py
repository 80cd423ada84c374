"""Memory that runs out while weights are read is told as that, not as a damaged file."""

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.protocol.errors import UserError
from engine.weights.file_sources import open_source
from engine.weights.library_loading import FolderLayout, load_network
from engine.weights.memory_shortage import is_memory_shortage, let_memory_shortage_through

ROOT = Path(__file__).parents[3]
LARGE = 100_000_000
# A process of its own: this one may have so much left over from other tests that nothing falls short.
_OPENED_IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import psutil, torch
from safetensors.torch import save_file
from engine.weights.file_sources import open_source

def said(path):
    try:
        return "read " + str(open_source(path).shape("a"))
    except MemoryError:
        return "MemoryError"

folder, large = Path(sys.argv[1]), int(sys.argv[2])
tensors = {"a": torch.zeros(large, dtype=torch.uint8)}
torch.save(tensors, folder / "zipped.ckpt")
torch.save(tensors, folder / "plain.ckpt", _use_new_zipfile_serialization=False)
save_file(tensors, folder / "model.safetensors")
del tensors
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 20_000_000, before[1]))
short = [said(folder / name) for name in ("zipped.ckpt", "plain.ckpt", "model.safetensors")]
resource.setrlimit(resource.RLIMIT_AS, before)
print(*short, said(folder / "zipped.ckpt"), said(folder / "plain.ckpt"), sep="; ")
"""


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
def test_whole_files_that_do_not_fit_into_memory_are_not_called_damaged(tmp_path):
    asked = [sys.executable, "-c", _OPENED_IN_LITTLE_MEMORY, str(tmp_path), str(LARGE)]
    shown = subprocess.run(asked, check=True, cwd=ROOT, capture_output=True, text=True)
    whole = f"read ({LARGE},)"
    assert shown.stdout.strip().split("; ") == ["MemoryError"] * 3 + [whole] * 2


@pytest.mark.parametrize(
    ("reason", "raised"), [("Cannot allocate memory (12)", MemoryError), ("-", UserError)]
)
def test_a_file_that_cannot_be_mapped_is_damaged_unless_memory_is_short(
    tmp_path, monkeypatch, reason, raised
):
    path = tmp_path / "model.ckpt"
    torch.save({"a": torch.zeros(9)}, path)

    def refuse(*given, **named):
        raise RuntimeError(f"unable to mmap 1234 bytes from file <{path}>: {reason}")

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(raised):
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
