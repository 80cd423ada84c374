"""What stops a file from being written is told in words, whatever the system calls it."""

import sys
from pathlib import Path

import pytest

from engine.media.write_errors import writing
from engine.protocol.errors import ErrorCode, UserError


def refusal(path):
    with pytest.raises(UserError) as caught, writing(path):
        path.write_bytes(b"x")
    return caught.value.report


def test_a_name_that_is_too_long_is_told(tmp_path):
    error = refusal(tmp_path / ("安" * 100))
    assert error.code is ErrorCode.BAD_INPUT
    assert "too long" in error.message
    assert len(error.message) < 200


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_folder_that_is_there_and_takes_no_files_is_told(tmp_path):
    error = refusal(Path("/proc/take.mkv"))
    assert error.code is ErrorCode.NOT_WRITABLE
    assert "/proc" in error.message


def test_a_folder_that_is_not_there_is_told(tmp_path):
    assert refusal(tmp_path / "gone" / "take.mkv").code is ErrorCode.FILE_MISSING
