"""How a new file comes into a folder whole, never over another one and never in part."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from projects_db.errors import ProjectError
from projects_db.file_checks import check_writable, log_files
from projects_db.sqlite_errors import disk_full_or_not_writable

_LEFTOVER_AGE_S = 3600


@contextmanager
def new_file(final: Path) -> Iterator[Path]:
    """Give a temporary sibling to write; at the end it is put on the disk and takes the name `final`.

    Raises ProjectError "project_exists" where that name is taken, "disk_full" or "not_writable" where it
    cannot be written; nothing is left behind then.
    """
    partial = final.with_name(f".{uuid4().hex}.partial")
    try:
        check_writable(partial)
        yield partial
        _put_on_disk(partial)
        _name_without_replacing(partial, final)
        _put_name_on_disk(final.parent)
    except OSError as error:
        raise disk_full_or_not_writable(final, error) from error
    finally:
        for leftover in (partial, *log_files(partial)):
            # On a disk that takes no writing nothing was written either.
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half written in a folder of ours; the young may be in the making."""
    for leftover in folder.glob(".*.partial*"):
        if time.time() - leftover.stat().st_mtime > _LEFTOVER_AGE_S:
            leftover.unlink(missing_ok=True)


def _put_on_disk(path: Path) -> None:
    """Wait until the file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put_name_on_disk(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, on systems that can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some file systems refuse; the file itself is on the disk by then.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exists_already(path: Path) -> ProjectError:
    """Return the error for a name that is taken."""
    return ProjectError(
        f"There is a file “{path.name}” in {path.parent} already.",
        next_step="Choose another name, or open that project.",
        code="project_exists",
    )


def _name_without_replacing(partial: Path, final: Path) -> None:
    try:
        os.link(partial, final)
    except FileExistsError as error:
        raise exists_already(final) from error
    except OSError:
        # File systems without hard links: a rename, which replaces on some, so look first.
        if final.exists():
            raise exists_already(final) from None
        partial.rename(final)
