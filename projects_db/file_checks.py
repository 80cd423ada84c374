"""What can be told about a project file before SQLite opens it."""

import os
import stat
from pathlib import Path

from projects_db.errors import ProjectError
from projects_db.sqlite_errors import damaged, not_writable

APPLICATION_ID = int.from_bytes(b"MASQ", "big")
_SQLITE_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_APPLICATION_ID_AT = 68


def check_file(path: Path) -> None:
    """Raise a ProjectError unless `path` is a file that begins like a project and may be written."""
    _check_is_file(path)
    _check_header(path, _read_header(path))
    check_writable(path)


def check_writable(path: Path) -> None:
    """Raise ProjectError "not_writable" unless the file and its folder may be written."""
    file_writable = not path.exists() or _may(path, os.R_OK | os.W_OK)
    if not file_writable or not _may(path.parent, os.W_OK | os.X_OK):
        raise not_writable(path)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _check_is_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error
    if stat.S_ISDIR(mode):
        raise ProjectError(
            f"“{path.name}” is a folder, not a project.",
            next_step="Choose the .masque file inside it.",
            code="invalid",
        )
    if not stat.S_ISREG(mode):
        raise ProjectError(
            f"“{path.name}” is not a file.", next_step="Choose a .masque file.", code="invalid"
        )


def _read_header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError as error:
        raise _unreadable(path) from error


def _check_header(path: Path, header: bytes) -> None:
    if len(header) < _HEADER_BYTES or not header.startswith(_SQLITE_MAGIC):
        raise damaged(path)
    application = int.from_bytes(header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big")
    if application != APPLICATION_ID:
        raise ProjectError(
            f"“{path.name}” is a database of another program, not a Masque project.",
            next_step="Choose a .masque file.",
            code="invalid",
        )


def missing(path: Path) -> ProjectError:
    """Return the error for a project that is not where it should be."""
    return ProjectError(
        f"There is no project “{path.name}” in {path.parent}.",
        next_step="Check the name and the folder, or make a new project.",
        code="project_missing",
    )


def _unreadable(path: Path) -> ProjectError:
    return ProjectError(
        f"“{path.name}” cannot be read.",
        next_step="Check that the drive is connected and that you may read the file.",
        code="not_writable",
    )
