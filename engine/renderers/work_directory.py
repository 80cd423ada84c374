"""A job's work directory: finished frames, the outputs begun, and whose request they belong to."""

import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path

LOCK_NAME = "lock"
OUTPUTS_NAME = "outputs.json"


def note_outputs(directory: Path, outputs: Collection[Path]) -> None:
    """Write down which files elsewhere belong to this job, before the first of them is made."""
    temporary = directory / f"{OUTPUTS_NAME}.part"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump([str(path) for path in outputs], file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / OUTPUTS_NAME)


def noted_outputs(directory: Path) -> tuple[Path, ...]:
    """Return the files that were noted; none where nothing was."""
    try:
        return tuple(
            Path(text) for text in json.loads((directory / OUTPUTS_NAME).read_text(encoding="utf-8"))
        )
    except (FileNotFoundError, NotADirectoryError):
        return ()


def discard_work(directory: Path, *, keep_outputs: bool = False) -> None:
    """Delete a work directory, and the outputs begun from it unless they are to be kept.

    Call it where no worker works in it. What another program holds open (Windows) is left for the next start.
    """
    if not keep_outputs:
        for path in noted_outputs(directory):
            path.unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)


def remove_stale_work(work: Path, kept: Collection[str] | None) -> None:
    """Delete work directories of jobs that are not in `kept`; None keeps all."""
    if kept is None:
        return
    for directory in work.iterdir():
        if directory.is_dir() and directory.name not in kept:
            discard_work(directory, keep_outputs=True)
