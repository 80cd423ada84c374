"""Files appear whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.media.atomic import atomic_directory, atomic_path
from engine.media.write_errors import writing
from engine.protocol.errors import ErrorCode, UserError

DIES_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from engine.media.atomic import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_file_appears_whole_under_its_name(tmp_path: Path) -> None:
    final = tmp_path / "shot.mov"
    with atomic_path(final) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".mov"
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"new")
        assert not final.exists()
    assert final.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [final]


def test_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "shot.mov"
    final.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_path(final) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert final.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [final]


def test_killed_writer_leaves_no_final_file_and_its_leftover_goes_next_time(tmp_path: Path) -> None:
    final = tmp_path / "shot.mov"
    killed = subprocess.run([sys.executable, "-c", DIES_WHILE_WRITING, str(final)], check=False)
    assert killed.returncode != 0
    assert not final.exists()
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_path(final) as temporary:
        temporary.write_bytes(b"whole")
    assert list(tmp_path.iterdir()) == [final]


def test_leftover_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    final = tmp_path / "shot.mov"
    with atomic_path(final) as first:
        first.write_bytes(b"first")
        with atomic_path(final) as second:
            second.write_bytes(b"second")
        assert first.read_bytes() == b"first"
    assert final.read_bytes() == b"first"


def test_a_name_as_long_as_the_disk_allows_can_be_written(tmp_path: Path) -> None:
    final = tmp_path / ("ü" * 125 + ".mov")
    with atomic_path(final) as temporary:
        temporary.write_bytes(b"x")
    assert final.read_bytes() == b"x"


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="there is no folder") as caught,
        atomic_path(tmp_path / "gone" / "a.wav") as temporary,
    ):
        temporary.write_bytes(b"x")
    assert caught.value.report.code is ErrorCode.FILE_MISSING


def test_folder_of_the_same_name_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(UserError, match="a folder in"), atomic_path(tmp_path / "a.wav"):
        pass


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(UserError, match="does not allow") as caught,
            atomic_path(tmp_path / "a.wav") as temporary,
        ):
            temporary.write_bytes(b"x")
        assert caught.value.report.code is ErrorCode.NOT_WRITABLE
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, ErrorCode.NOT_WRITABLE),
        (errno.EROFS, ErrorCode.NOT_WRITABLE),
        (errno.ENOSPC, ErrorCode.DISK_FULL),
        (errno.EDQUOT, ErrorCode.DISK_FULL),
        (errno.EFBIG, ErrorCode.DISK_FULL),
    ],
)
def test_errors_of_the_disk_become_sentences_that_name_the_folder(
    tmp_path: Path, number: int, code: ErrorCode
) -> None:
    with pytest.raises(UserError) as caught, writing(tmp_path / "a.wav"):
        raise OSError(number, os.strerror(number))
    assert caught.value.report.code is code
    assert str(tmp_path) in caught.value.report.message
    assert caught.value.report.next_step


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_is_a_user_error() -> None:
    with (
        pytest.raises(UserError, match="disk is full"),
        writing(Path("/dev/full")),
        Path("/dev/full").open("wb") as file,
    ):
        file.write(b"x")


def test_directory_appears_with_all_its_files(tmp_path: Path) -> None:
    final = tmp_path / "frames"
    final.mkdir()
    with atomic_directory(final) as temporary:
        (temporary / "a.png").write_bytes(b"a")
    assert [file.name for file in final.iterdir()] == ["a.png"]
    assert list(tmp_path.iterdir()) == [final]


def test_exception_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_directory(tmp_path / "frames") as temporary:
        (temporary / "a.png").write_bytes(b"a")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_directory_with_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "precious.txt").write_text("mine")
    with pytest.raises(UserError, match="already holds files"), atomic_directory(tmp_path / "frames"):
        pass
    assert (tmp_path / "frames" / "precious.txt").read_text() == "mine"
