"""How rates are measured where memory, disk or patience are short."""

import errno
import shutil
import sys
from types import SimpleNamespace

import pytest
import torch

from engine.memory import device as device_file
from engine.memory import disk_rate as disk_rate_file
from engine.memory import transfer_rate as transfer_rate_file
from engine.memory.arithmetic_rate import attention_rate, product_rate
from engine.memory.disk_rate import disk_rate
from engine.memory.host_memory import HostMemory
from engine.memory.transfer_rate import pinnable_bytes, transfer_rate

PROCESSOR = torch.device("cpu")
CARD = torch.device("cuda", 0)
MIB = 2**20
ASSUMED = 50e6


def test_a_disk_is_read_and_left_as_it_was(tmp_path):
    assert disk_rate(tmp_path, pieces=2) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_file_counts_as_a_slow_disk(tmp_path):
    (tmp_path / "file").touch()
    assert disk_rate(tmp_path / "none") == ASSUMED
    assert disk_rate(tmp_path / "file") == ASSUMED


def test_a_disk_with_hardly_any_space_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=63 * MIB))
    monkeypatch.setattr(disk_rate_file.os, "fsync", lambda descriptor: pytest.fail("something was written"))
    assert disk_rate(tmp_path) == ASSUMED


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize(("most_bytes", "is_measured"), [(20 * MIB, True), (0, False)])
def test_a_disk_that_is_full_halfway_is_measured_by_what_fits(tmp_path, monkeypatch, most_bytes, is_measured):
    import resource

    rates = []
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        rates.append(disk_rate(tmp_path, pieces=4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (rates[0] != ASSUMED) is is_measured
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_while_it_is_read_counts_as_slow(tmp_path, monkeypatch):
    def fail(*given):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk_rate_file, "_read", fail)
    assert disk_rate(tmp_path, pieces=1) == ASSUMED
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_forgotten_writing_bounds_the_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_rate_file, "_forget_in_memory", lambda file: False)
    monkeypatch.setattr(disk_rate_file, "_write", lambda file, pieces: (file.write(b"x" * MIB), 1234.0))
    assert disk_rate(tmp_path, pieces=1) == 1234.0


def test_a_slow_disk_is_given_up_on_in_time(tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(disk_rate_file.time, "perf_counter", lambda: next(clock))
    written = []
    write = disk_rate_file._write
    monkeypatch.setattr(disk_rate_file, "_write", lambda *given: written.append(write(*given)) or written[-1])
    assert disk_rate(tmp_path, pieces=32) > 0
    assert (
        written[0][0] == 2 * 16 * MIB
    )  # by a clock that stands 3 s further each time it is read, 4 s allowed


def test_with_little_memory_less_is_copied(monkeypatch):
    copied = []
    zeros = torch.zeros

    def little(size, **named):
        if size > 2 * MIB:
            raise torch.OutOfMemoryError("CUDA out of memory")
        copied.append(size)
        return zeros(size, **named)

    monkeypatch.setattr(torch, "zeros", little)
    assert transfer_rate(PROCESSOR, pinned=False, most_bytes=8 * MIB) > 1e6
    assert copied == [2 * MIB]


def test_with_no_memory_nothing_is_copied(monkeypatch):
    def full(*given, **named):
        raise MemoryError

    monkeypatch.setattr(torch, "zeros", full)
    assert transfer_rate(PROCESSOR, pinned=False, most_bytes=8 * MIB) is None


def test_a_failure_that_is_no_shortage_is_not_hidden(monkeypatch):
    def lost(*given, **named):
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch, "zeros", lost)
    with pytest.raises(RuntimeError, match="launch failure"):
        transfer_rate(PROCESSOR, pinned=False, most_bytes=8 * MIB)


def test_the_processor_pins_nothing():
    assert pinnable_bytes(PROCESSOR) == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_where_pinning_fails_nothing_is_pinnable():
    assert pinnable_bytes(CARD, tried_bytes=MIB) == 0


@pytest.mark.parametrize(
    ("platform", "release", "total", "pinnable"),
    [
        ("linux", "6.8.0-generic", 64 * 10**9, 60 * 10**9),
        ("linux", "6.8.0-generic", 8 * 10**9, 6 * 10**9),
        ("linux", "5.15.0-microsoft-standard-WSL2", 64 * 10**9, 0),
        ("win32", "11", 64 * 10**9, 0),
    ],
)
def test_the_system_decides_how_much_is_pinnable(monkeypatch, platform, release, total, pinnable):
    tried = []
    monkeypatch.setattr(transfer_rate_file, "_can_pin", lambda device, size: tried.append(size) or True)
    memory = HostMemory(total_bytes=total, free_bytes=2 * 2**30)
    monkeypatch.setattr(transfer_rate_file, "host_memory", lambda: memory)
    monkeypatch.setattr(device_file.sys, "platform", platform)
    monkeypatch.setattr(device_file.platform, "release", lambda: release)
    assert pinnable_bytes(CARD) == pinnable
    # A quarter of what is free: the machine is not to be brought to its knees.
    assert tried == ([2**29] if pinnable else [])


def test_with_little_memory_narrower_products_are_measured(monkeypatch):
    widths = []
    empty_like = torch.empty_like

    def little(tensor, **named):
        if tensor.shape[1] > 512:
            raise torch.OutOfMemoryError("CUDA out of memory")
        widths.append(tensor.shape[1])
        return empty_like(tensor, **named)

    monkeypatch.setattr(torch, "empty_like", little)
    assert product_rate(PROCESSOR, torch.float32, long_enough_s=0.01) > 1e6
    assert set(widths) == {512}


def test_attention_that_outgrows_the_memory_keeps_what_was_measured(monkeypatch):
    flip = torch.flip

    def little(tensor, axes):
        if tensor.shape[2] > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return flip(tensor, axes)

    monkeypatch.setattr(torch, "flip", little)
    assert attention_rate(PROCESSOR, torch.float32, long_enough_s=1000.0) > 1e6
