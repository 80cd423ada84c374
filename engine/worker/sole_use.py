"""One worker at a time in a job's work directory, also when the engine that started another one has died."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.jobs.file_lock import FileLock
from engine.protocol.errors import ErrorCode, UserError
from engine.renderers.renderer import RenderReport, RenderStoppedError
from engine.renderers.work_directory import LOCK_NAME

ORPHAN_PATIENCE_S = 12.0
"""An orphaned worker ends by itself within ten seconds, unless it is stopped or stuck: then it is ended."""

_AFTER_THE_END_S = 10.0


@contextmanager
def sole_use(work: Path, report: RenderReport, *, orphan_patience_s: float) -> Iterator[None]:
    """Make a job's work directory and hold it alone.

    Raises RenderStoppedError when told to stop while waiting, UserError(WORKER_LOST) where it cannot be had.
    """
    work.mkdir(parents=True, exist_ok=True)
    with FileLock(work / LOCK_NAME) as lock:
        if not _acquired(lock, report, orphan_patience_s):
            _end_holder(work / LOCK_NAME)
            if not _acquired(lock, report, _AFTER_THE_END_S):
                raise UserError(
                    f"Another render process still works in {work}.",
                    next_step="End that process or restart the machine, then retry the job.",
                    code=ErrorCode.WORKER_LOST,
                )
        lock.write(str(os.getpid()))
        yield


def _acquired(lock: FileLock, report: RenderReport, patience_s: float) -> bool:
    until = time.monotonic() + patience_s
    while not lock.try_acquire():
        if report.should_stop():
            raise RenderStoppedError
        if time.monotonic() > until:
            return False
        report.step()
        time.sleep(0.05)
    return True


def _end_holder(lock_file: Path) -> None:
    """End the process that holds the lock: it lives, since the lock is held, and the file has its number."""
    text = lock_file.read_text(encoding="utf-8")
    if not text.isdecimal() or int(text) == os.getpid():
        return
    try:
        os.kill(int(text), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # it has just ended, or is not ours: the wait that follows tells which
