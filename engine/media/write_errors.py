"""What stops a file from being written, in words for the user."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.protocol.errors import ErrorCode, UserError

# EFBIG: the file system (FAT32) or a quota allows no larger file, which the user mends as a full disk.
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR}


def write_error(error: OSError, path: Path) -> UserError | None:
    """Return the user's error for an OSError met while writing `path`, or None for one not foreseen."""
    if error.errno in _FULL:
        return UserError(
            f"The disk is full: {path.name} could not be written to {path.parent}.",
            next_step="Free some space there (old takes are the largest), or choose another folder.",
            code=ErrorCode.DISK_FULL,
            details={"folder": str(path.parent)},
        )
    if error.errno in _REFUSED:
        return UserError(
            f"{path.name} could not be written: the folder {path.parent} does not allow it.",
            next_step="Choose another folder, or allow writing to this one.",
            code=ErrorCode.NOT_WRITABLE,
            details={"folder": str(path.parent)},
        )
    if error.errno in _NO_FOLDER and not path.parent.is_dir():
        return UserError(
            f"{path.name} could not be written: there is no folder {path.parent}.",
            next_step="Create the folder, or choose another one.",
            code=ErrorCode.FILE_MISSING,
            details={"folder": str(path.parent)},
        )
    if error.errno == errno.ENAMETOOLONG:
        return UserError(
            f"{path.name[:60]}… could not be written: its name or its path is too long for the disk.",
            next_step="Choose a shorter name, or a folder nearer to the top.",
            code=ErrorCode.BAD_INPUT,
            details={"folder": str(path.parent)},
        )
    if error.errno == errno.EIO:
        return UserError(
            f"{path.name} could not be written: the disk with {path.parent} reports a fault.",
            next_step="Check the disk or the network connection to it, or choose another folder.",
            code=ErrorCode.NOT_WRITABLE,
            details={"folder": str(path.parent)},
        )
    return None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's write errors into a UserError that names `path` and its folder."""
    try:
        yield
    except OSError as error:
        known = write_error(error, path) or _not_taken(error, path)
        if known is None:
            raise
        raise known from error


def _not_taken(error: OSError, path: Path) -> UserError | None:
    """Return the error for a folder that is there and takes no files (/proc), or whose files were removed."""
    if error.errno not in _NO_FOLDER:
        return None
    return UserError(
        f"{path.name} could not be written: the folder {path.parent} does not take it.",
        next_step="Choose another folder.",
        code=ErrorCode.NOT_WRITABLE,
        details={"folder": str(path.parent)},
    )
