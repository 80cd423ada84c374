"""What SQLite says, in the words of a project: every fault a user can meet becomes a ProjectError."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from projects_db.column_types import DamagedValueError
from projects_db.errors import ProjectError

_NEARLY_FULL_BYTES = 1 << 16
_PRIMARY_CODE = 0xFF


def primary_code(error: BaseException | None) -> int | None:
    """Return SQLite's primary result code (sqlite.org/rescode.html), or None where it gave none."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY_CODE


def is_busy(error: BaseException | None) -> bool:
    """Tell whether someone else holds the lock."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def told_to_the_user(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ProjectErrors about the project at `path`; faults of ours pass through."""
    try:
        yield
    except DBAPIError as error:
        told = project_error(path, error.orig)
        if told is None:
            raise
        raise told from error
    except sqlite3.Error as error:
        told = project_error(path, error)
        if told is None:
            raise
        raise told from error
    except (DamagedValueError, UnicodeDecodeError) as error:
        raise damaged(path) from error


def project_error(path: Path, error: BaseException | None) -> ProjectError | None:  # noqa: PLR0911 - a table
    """Return what to tell the user about an error of SQLite; None where it is a fault of ours."""
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return locked(path)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_nearly_full(path)):
        return disk_full(path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return not_writable(path)
    if code == sqlite3.SQLITE_IOERR:
        return ProjectError(
            f"The disk could not read or write “{path.name}”.",
            next_step="Check that the drive is connected and sound, then try again.",
            code="not_writable",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or _is_undecodable(error):
        return damaged(path)
    if code in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG):
        return ProjectError(
            f"“{path.name}” cannot take this value: {error}.",
            next_step="Change the value and try again.",
            code="invalid",
        )
    return None


def locked(path: Path) -> ProjectError:
    """Return the error for a project that someone else has been writing to for too long."""
    return ProjectError(
        f"“{path.name}” is busy: another window or command is writing to it.",
        next_step="Wait for it to finish, then try again.",
        code="project_locked",
    )


def disk_full(path: Path) -> ProjectError:
    """Return the error for a disk without room."""
    return ProjectError(
        f"The disk that holds “{path.name}” is full, so nothing was written.",
        next_step=f"Free some space for {path.parent}, then try again.",
        code="disk_full",
    )


def not_writable(path: Path) -> ProjectError:
    """Return the error for a project or a folder that may not be written."""
    return ProjectError(
        f"“{path.name}” cannot be written.",
        next_step=f"Ask for permission to write in {path.parent}, or copy the project elsewhere.",
        code="not_writable",
    )


def damaged(
    path: Path, next_step: str = "Open the project again to see the versions it can be restored from."
) -> ProjectError:
    """Return the error for a project file whose content is broken."""
    return ProjectError(
        f"“{path.name}” is damaged and cannot be read.", next_step=next_step, code="project_damaged"
    )


def _is_undecodable(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error)


def _is_nearly_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NEARLY_FULL_BYTES
    except OSError:
        return False


def disk_full_or_not_writable(path: Path, error: OSError) -> ProjectError:
    """Return the error for a file the system would not write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    return not_writable(path)
