"""A job's work directory: finished frames, the outputs begun, and whose request they belong to."""

import json
import logging
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from engine.media.atomic import atomic_path
from engine.protocol.codec import decode_result
from engine.protocol.errors import UserError

_log = logging.getLogger(__name__)
LOCK_NAME = "lock"
OUTPUTS_NAME = "outputs.json"
MEMORY_RAN_OUT_NAME = "memory-ran-out"
_RESERVATION, _MASTER, _SUMMARY = 0, 1, 4


def note_outputs(directory: Path, outputs: Collection[Path]) -> None:
    """Write down which files elsewhere belong to this job, before the first of them is made.

    On disk when this returns. Raises UserError: DISK_FULL, NOT_WRITABLE.
    """
    with atomic_path(directory / OUTPUTS_NAME) as path:
        path.write_text(json.dumps([str(output) for output in outputs]), encoding="utf-8")


def note_memory_ran_out(directory: Path) -> None:
    """Leave word for the renderer that the system ended the attempt before for want of memory.

    On disk when this returns. Raises UserError: DISK_FULL, NOT_WRITABLE.
    """
    with atomic_path(directory / MEMORY_RAN_OUT_NAME) as path:
        path.touch()


def noted_outputs(directory: Path) -> tuple[Path, ...]:
    """Return the files that were noted; none where nothing was."""
    try:
        texts = json.loads((directory / OUTPUTS_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return ()
    return tuple(Path(text) for text in texts)


def finished_outputs(directory: Path) -> int:
    """Return how many of the noted files are there: each appears when it is whole."""
    return sum(_exists(path) for path in noted_outputs(directory)[_RESERVATION + 1 :])


def delete_outputs(directory: Path) -> None:
    """Delete the outputs begun from a work directory. A folder that is out of reach is said in the log.

    The files of a take whose summary is whole are the user's: of those nothing but the reservation goes.
    Call it where no worker works in it.
    """
    outputs = noted_outputs(directory)
    for path in outputs[: _RESERVATION + 1] if _is_take(outputs) else outputs:
        try:
            path.unlink(missing_ok=True)
            _delete_torn(path)
        except (OSError, UserError) as error:
            _log.warning("%s could not be deleted: %s", path, error)
    (directory / OUTPUTS_NAME).unlink(missing_ok=True)


def _is_take(outputs: Sequence[Path]) -> bool:
    """Return whether the summary among a job's outputs is whole and tells of these very files."""
    if len(outputs) <= _SUMMARY:
        return False
    try:
        result = decode_result(outputs[_SUMMARY].read_bytes())
    except (OSError, UserError):
        return False
    return outputs[_MASTER].name in {file.name for file in result.files}


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _delete_torn(path: Path) -> None:
    """Delete what a killed process left of a file it was writing: beginning to write it anew does that."""
    with suppress(_NothingToWriteError), atomic_path(path):
        raise _NothingToWriteError


class _NothingToWriteError(Exception):
    """Ends a write before anything was written."""


def discard_work(directory: Path, *, keep_outputs: bool = False) -> None:
    """Delete a work directory, and the outputs begun from it unless they are to be kept.

    Call it where no worker works in it. What another program holds open (Windows) is left for the next start.
    """
    if not keep_outputs:
        delete_outputs(directory)
    shutil.rmtree(directory, ignore_errors=True)


def remove_stale_work(work: Path, *, needed: Collection[str], done: Collection[str]) -> None:
    """Delete work directories of jobs that are not `needed`; the outputs of those that are `done` stay."""
    for directory in work.iterdir():
        if directory.is_dir() and directory.name not in needed:
            discard_work(directory, keep_outputs=directory.name in done)
