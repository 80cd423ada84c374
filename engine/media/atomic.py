"""Files and folders that appear under their final name only when they are whole."""

import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.media.write_errors import writing
from engine.protocol.errors import ErrorCode, UserError


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yield a hidden name beside `final`, with its suffix; on a clean exit it is made durable and renamed.

    A file that was under `final` stays as it was until the rename. On an exception nothing is left behind;
    what a killed process left is removed when the same file is written next.

    Raises UserError: DISK_FULL, NOT_WRITABLE, FILE_MISSING (the folder), FILE_EXISTS (a folder has that
    name).
    """
    if final.is_dir():
        raise UserError(
            f"{final.name} cannot be written: a folder in {final.parent} has that name.",
            next_step="Choose another name.",
            code=ErrorCode.FILE_EXISTS,
        )
    with _temporary_name(final) as temporary:
        yield temporary
        with writing(final):
            sync_to_disk(temporary)
            temporary.replace(final)
            sync_to_disk(final.parent)


@contextmanager
def atomic_directory(final: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside `final`; on a clean exit its files are made durable and it is renamed.

    An existing empty folder is replaced; one with files in it is never touched.

    Raises UserError: FILE_EXISTS, DISK_FULL, NOT_WRITABLE, FILE_MISSING (the folder around it).
    """
    if final.exists() and not (final.is_dir() and not any(final.iterdir())):
        raise UserError(
            f"{final.name} in {final.parent} already holds files.",
            next_step="Choose another name, or move what is there away first.",
            code=ErrorCode.FILE_EXISTS,
        )
    with _temporary_name(final) as temporary:
        with writing(final):
            temporary.mkdir()
        yield temporary
        with writing(final):
            for file in temporary.iterdir():
                sync_to_disk(file)
            if final.exists():
                final.rmdir()
            temporary.rename(final)
            sync_to_disk(final.parent)


def sync_to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk. Folders are left out on Windows."""
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _temporary_name(final: Path) -> Iterator[Path]:
    with writing(final):
        _remove_leftovers(final)
    temporary = final.parent / f"{_prefix(final)}{os.getpid()}-{secrets.token_hex(4)}.part{final.suffix}"
    try:
        with writing(final):
            yield temporary
    finally:
        _remove(temporary)


def _prefix(final: Path) -> str:
    """Return how temporary names for `final` begin: short, and this machine's own."""
    name = hashlib.sha256(final.name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    machine = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return f".masque-{name}-{machine}-"


def _remove_leftovers(final: Path) -> None:
    if not final.parent.is_dir():
        return
    pattern = re.compile(re.escape(_prefix(final)) + r"(\d+)-[0-9a-f]{8}\.part")
    for entry in final.parent.iterdir():
        match = pattern.match(entry.name)
        if match and not _is_running(int(match.group(1))):
            _remove(entry)


def _is_running(process_id: int) -> bool:
    """Return whether a process lives; False on Windows, where a file in use refuses to be removed anyway."""
    if sys.platform == "win32":
        return False
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(FileNotFoundError, PermissionError):
        path.unlink()
