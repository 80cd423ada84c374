"""What stops a media file from being read, in words for the user."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.protocol.errors import ErrorCode, UserError


def require_file(path: Path) -> None:
    """Make sure that `path` is a file with something in it that may be read.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE, BAD_INPUT (a folder, an empty file).
    """
    with reading(path):
        size_bytes = path.stat().st_size
    if not path.is_file():
        raise UserError(
            f"{path.name} is not a file.", next_step="Choose a media file.", code=ErrorCode.BAD_INPUT
        )
    if size_bytes == 0:
        raise UserError(
            f"{path.name} is empty (0 bytes).",
            next_step="Copy the file again from where it came from.",
            code=ErrorCode.BAD_INPUT,
        )
    if not os.access(path, os.R_OK):
        raise _no_permission(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the operating system's errors of reading `path` into a UserError that names it."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"There is no file {path.name} in {path.parent}."
            if path.parent.is_dir()
            else f"{path.name} cannot be found: there is no folder {path.parent}.",
            next_step="Check the name, put the file back, or relink it to where it is now.",
            code=ErrorCode.FILE_MISSING,
            details={"path": str(path)},
        ) from error
    except PermissionError as error:
        raise _no_permission(path) from error
    except OSError as error:
        if error.errno not in {errno.EIO, errno.ESTALE, errno.ENAMETOOLONG, errno.ELOOP}:
            raise
        raise UserError(
            f"{path.name} could not be read: {os.strerror(error.errno)}.",
            next_step="Check the disk or the network connection to it.",
            code=ErrorCode.FILE_UNREADABLE,
        ) from error


def _no_permission(path: Path) -> UserError:
    return UserError(
        f"{path.name} may not be read.",
        next_step="Allow your user to read the file, or copy it to a folder of yours.",
        code=ErrorCode.FILE_UNREADABLE,
    )
