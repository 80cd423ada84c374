"""A file that is not there is told without a guess at what became of it."""

import pytest

from engine.media.read_errors import require_file
from engine.protocol.errors import ErrorCode, UserError


def test_a_mistyped_path_is_told_as_a_file_that_there_is_not(tmp_path):
    with pytest.raises(UserError) as caught:
        require_file(tmp_path / "plaet.png")
    assert caught.value.report.code is ErrorCode.FILE_MISSING
    assert caught.value.report.message == f"There is no file plaet.png in {tmp_path}."


def test_a_folder_that_there_is_not_is_told(tmp_path):
    with pytest.raises(UserError) as caught:
        require_file(tmp_path / "gone" / "plate.png")
    assert str(tmp_path / "gone") in caught.value.report.message
