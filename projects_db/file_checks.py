"""What can be told about a project file before SQLite opens it.

The file itself is never opened here: closing any descriptor of a file drops all locks this process holds on
it, and with them those of a project that is open already (sqlite.org/howtocorrupt.html, section 2.2).
"""

import os
import stat
from pathlib import Path

from projects_db.errors import ProjectError
from projects_db.sqlite_errors import damaged, not_writable

_SMALLEST_DATABASE_BYTES = 512


def check_file(path: Path) -> None:
    """Raise a ProjectError unless `path` is a file that could be a project and may be written."""
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        raise ProjectError(
            f"“{path.name}” is a folder, not a project.",
            next_step="Choose the .masque file inside it.",
            code="invalid",
        )
    if not stat.S_ISREG(status.st_mode):
        raise ProjectError(
            f"“{path.name}” is not a file.", next_step="Choose a .masque file.", code="invalid"
        )
    check_writable(path)
    if status.st_size < _SMALLEST_DATABASE_BYTES:
        raise damaged(path)


def check_writable(path: Path) -> None:
    """Raise ProjectError "not_writable" unless the file and its folder may be written."""
    file_writable = not path.exists() or _may(path, os.R_OK | os.W_OK)
    if not file_writable or not _may(path.parent, os.W_OK | os.X_OK):
        raise not_writable(path)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error


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


def log_files(path: Path) -> tuple[Path, ...]:
    """Return the files SQLite keeps beside a database while it is open or after it was killed."""
    return tuple(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))
