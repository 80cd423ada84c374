"""The hash is the bytes' own."""

from pathlib import Path

import pytest

from engine.media.content_hash import hash_file
from engine.protocol.errors import ErrorCode, UserError


def test_hash_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file gone\.mov") as caught:
        hash_file(tmp_path / "gone.mov")
    assert caught.value.report.code is ErrorCode.FILE_MISSING
