"""The identity of a media file: a hash of its bytes."""

import hashlib
from pathlib import Path

from engine.media.read_errors import reading


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE.
    """
    with reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
