"""A delivery appears whole: all is written into a hidden folder first and moved to its place at the end."""

import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.media.atomic import sync_to_disk
from engine.media.write_errors import writing
from engine.protocol.errors import ErrorCode, UserError

PREFIX, SUFFIX = ".masque-export-", ".part"
FORGOTTEN_AFTER_S = 24 * 3600


@contextmanager
def staged_delivery(destination: Path, names: Sequence[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield a hidden folder in `destination`; on a clean exit its entries `names` move out, in that order.

    Without `overwrite` nothing that exists is touched. On an exception `destination` is as it was.

    Raises UserError: FILE_EXISTS, NOT_WRITABLE, DISK_FULL, FILE_MISSING.
    """
    _require_folder(destination)
    if not overwrite:
        require_free(destination, names)
    made = _make_folders(destination)
    staging = destination / f"{PREFIX}{secrets.token_hex(4)}{SUFFIX}"
    try:
        with writing(destination / names[0]):
            _remove_forgotten(destination)
            staging.mkdir()
        yield staging
        with writing(destination / names[0]):
            _sync(staging)
            _move_out(staging, destination, names, overwrite=overwrite)
        made = ()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)


def _require_folder(destination: Path) -> None:
    present = next(path for path in (destination, *destination.parents) if path.exists())
    if not present.is_dir():
        raise UserError(
            f"{present.name} is a file, not a folder.",
            next_step="Choose a folder for the export.",
            code=ErrorCode.FILE_EXISTS,
        )


def require_free(destination: Path, names: Sequence[str]) -> None:
    """Make sure that nothing under these names lies in the folder. Raises UserError (FILE_EXISTS)."""
    present = [name for name in names if (destination / name).exists()]
    if not present:
        return
    others = f" and {len(present) - 1} more of the export's files" if present[1:] else ""
    raise UserError(
        f"{present[0]}{others} {'are' if others else 'is'} already in {destination}.",
        next_step="Choose another folder, or export again with overwriting allowed.",
        code=ErrorCode.FILE_EXISTS,
        details={"files": "\n".join(present)},
    )


def _make_folders(destination: Path) -> tuple[Path, ...]:
    """Make the folder and those around it; return the new ones, innermost first."""
    missing = [folder for folder in (destination, *destination.parents) if not folder.exists()]
    for folder in reversed(missing):
        with writing(folder):
            folder.mkdir(exist_ok=True)
    return tuple(missing)


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _remove_forgotten(destination: Path) -> None:
    """Remove what an export that was killed has left; one that still runs has written lately."""
    for entry in destination.glob(f"{PREFIX}*{SUFFIX}"):
        if time.time() - entry.stat().st_mtime > FORGOTTEN_AFTER_S:
            shutil.rmtree(entry, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync_to_disk(path)


def _move_out(staging: Path, destination: Path, names: Sequence[str], *, overwrite: bool) -> None:
    if not overwrite:
        require_free(destination, names)
    moved: list[tuple[Path, Path | None]] = []
    try:
        for name in names:
            final = destination / name
            _refuse_other_kind(final, staging / name)
            aside = _put_aside(final, staging / f"{PREFIX}{name}")
            moved.append((final, aside))
            (staging / name).rename(final)
        sync_to_disk(destination)
    except BaseException:
        _move_back(moved, staging)
        raise


def _refuse_other_kind(final: Path, new: Path) -> None:
    if final.exists() and final.is_dir() != new.is_dir():
        raise UserError(
            f"{final.name} in {final.parent} is a {'folder' if final.is_dir() else 'file'} of another kind.",
            next_step="Move it away, or choose another folder for the export.",
            code=ErrorCode.FILE_EXISTS,
        )


def _put_aside(final: Path, aside: Path) -> Path | None:
    """Keep what is replaced until the whole export is in its place."""
    if not final.exists():
        return None
    return final.rename(aside)


def _move_back(moved: Sequence[tuple[Path, Path | None]], staging: Path) -> None:
    for final, aside in reversed(moved):
        if final.exists() and not (staging / final.name).exists():
            final.rename(staging / final.name)
        if aside is not None:
            aside.rename(final)
