"""Blocks in a file: what was written or nothing at all."""

import errno
import hashlib
import os
from pathlib import Path

import pytest
import torch

from engine.memory.block_file import (
    block_file_path,
    open_block_file,
    remove_other_block_files,
    written_block_file,
)
from engine.memory.flat_buffer import FlatLayout
from engine.protocol.errors import BugError, ErrorCode, UserError

FULL_DISK = Path("/dev/full")
WHOSE = "these weights"


def item(number):
    return {
        "weight": torch.full((300, 4 + number % 2), number + 0.5),
        "bias": torch.tensor([number], dtype=torch.bfloat16),
    }


LAYOUTS = [FlatLayout.of(item(number)) for number in range(5)]


def write(path, numbers=(3, 0, 4, 1, 2), identity=WHOSE):
    with written_block_file(path, LAYOUTS, identity) as writer:
        for number in numbers:
            writer.put(number, item(number))
    return path


@pytest.fixture
def path(tmp_path):
    return write(block_file_path(tmp_path, WHOSE, LAYOUTS))


def loaded(file, number):
    room = torch.zeros(file.item_bytes(number), dtype=torch.uint8)
    file.load(number, room)
    return LAYOUTS[number].views(room)


def is_item(tensors, number):
    return all(torch.equal(tensors[name], tensor) for name, tensor in item(number).items())


def test_items_come_back_as_they_were_written_in_any_order(path):
    file = open_block_file(path, LAYOUTS, WHOSE)
    for number in (4, 0, 0, 2, 1, 3):
        assert is_item(loaded(file, number), number)
    assert file.holds(4)
    assert not file.holds(5)
    file.close()


def test_a_file_is_for_its_weights_and_layouts_alone(path):
    for layouts, identity in ((LAYOUTS, "other weights"), (LAYOUTS[:4], WHOSE), (LAYOUTS[::-1][1:], WHOSE)):
        assert block_file_path(path.parent, identity, layouts) != path
        assert open_block_file(path, layouts, identity) is None


def test_a_file_that_is_missing_or_no_file_has_to_be_made(tmp_path):
    assert open_block_file(tmp_path / "none", LAYOUTS, WHOSE) is None
    assert open_block_file(tmp_path, LAYOUTS, WHOSE) is None
    (tmp_path / "empty").touch()
    assert open_block_file(tmp_path / "empty", LAYOUTS, WHOSE) is None


@pytest.mark.parametrize("cut", [1, 1000, 40_000])
def test_a_file_that_was_cut_off_has_to_be_made(path, cut):
    os.truncate(path, max(0, path.stat().st_size - cut))
    assert open_block_file(path, LAYOUTS, WHOSE) is None


@pytest.mark.parametrize("place", [0, 8, 12, 15, 17, 30, 48, 60, 200, 500])
@pytest.mark.parametrize("value", [0, 255])
def test_a_damaged_description_is_never_believed(path, place, value):
    data = bytearray(path.read_bytes())
    if data[place] == value:
        return
    data[place] = value
    path.write_bytes(data)
    assert open_block_file(path, LAYOUTS, WHOSE) is None


def test_another_version_has_to_be_made(path, monkeypatch):
    monkeypatch.setattr("engine.memory.block_file.FORMAT", 2)
    assert open_block_file(path, LAYOUTS, WHOSE) is None


def test_damaged_bytes_are_told_once_they_are_read_and_the_file_is_made_anew(path):
    data = bytearray(path.read_bytes())
    data[-600] ^= 1
    path.write_bytes(data)
    file = open_block_file(path, LAYOUTS, WHOSE)
    assert is_item(loaded(file, 3), 3)
    with pytest.raises(UserError) as caught:
        loaded(file, 4)
    file.close()
    assert caught.value.report.code is ErrorCode.FILE_UNREADABLE
    assert "damaged" in str(caught.value)
    assert "Render again" in caught.value.report.next_step
    assert not path.exists()


def test_bytes_are_compared_with_what_was_written_once_for_each_item(path, monkeypatch):
    file, compared = open_block_file(path, LAYOUTS, WHOSE), []
    digest = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda data: compared.append(len(data)) or digest(data))
    for number in (0, 1, 0, 1, 1):
        loaded(file, number)
    file.close()
    assert compared == [LAYOUTS[0].size_bytes, LAYOUTS[1].size_bytes]


def test_a_file_that_is_cut_off_while_it_is_read_is_told(path):
    file = open_block_file(path, LAYOUTS, WHOSE)
    assert is_item(loaded(file, 0), 0)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match="damaged"):
        loaded(file, 4)
    file.close()


def test_a_file_that_is_removed_while_it_is_read_goes_on(path):
    file = open_block_file(path, LAYOUTS, WHOSE)
    path.unlink()
    for number in range(5):
        assert is_item(loaded(file, number), number)
    file.close()


def test_a_disk_that_fails_is_told_with_what_it_says(path, monkeypatch):
    file = open_block_file(path, LAYOUTS, WHOSE)

    class Failing:
        def seek(self, place):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk = file._file
    monkeypatch.setattr(file, "_file", Failing())
    with pytest.raises(UserError, match=r"Input/output error.*Check the disk") as caught:
        loaded(file, 1)
    assert caught.value.report.code is ErrorCode.FILE_UNREADABLE
    assert path.exists()
    disk.close()


def test_what_was_not_written_as_a_whole_leaves_nothing(tmp_path):
    path = tmp_path / "blocks"
    with pytest.raises(BugError, match="never written"):
        write(path, numbers=(0, 1, 2, 3))
    with pytest.raises(ZeroDivisionError), written_block_file(path, LAYOUTS, WHOSE) as writer:
        writer.put(0, item(0))
        raise ZeroDivisionError
    with pytest.raises(BugError, match="do not fit"), written_block_file(path, LAYOUTS, WHOSE) as writer:
        writer.put(0, item(1))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage())
    with pytest.raises(UserError, match=r"take 0\.0 GB.*are free") as caught:
        write(tmp_path / "blocks")
    assert caught.value.report.code is ErrorCode.DISK_FULL
    assert list(tmp_path.iterdir()) == []


class Usage:
    """A disk with a little room."""

    free = 1000


@pytest.mark.skipif(not FULL_DISK.exists(), reason="the system has no disk that is always full")
def test_a_disk_that_fills_up_meanwhile_is_told(tmp_path, monkeypatch):
    path = tmp_path / "blocks"
    with pytest.raises(UserError) as caught, written_block_file(path, LAYOUTS, WHOSE) as writer:
        writer.put(0, item(0))
        with FULL_DISK.open("wb", buffering=0) as full:
            monkeypatch.setattr(writer, "_file", full)
            writer.put(1, item(1))
    assert caught.value.report.code is ErrorCode.DISK_FULL
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError) as caught:
        write(tmp_path / "none" / "blocks")
    assert caught.value.report.code is ErrorCode.FILE_MISSING


def test_only_the_file_in_use_is_kept(path, tmp_path):
    other = write(block_file_path(tmp_path, "old weights", LAYOUTS), identity="old weights")
    bystander = tmp_path / "notes.txt"
    bystander.touch()
    remove_other_block_files(path)
    assert not other.exists()
    assert path.exists()
    assert bystander.exists()
