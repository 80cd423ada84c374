"""Logs: one file per process, rotated, every line with the job it is about."""

import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s [%(job_id)s] %(name)s: %(message)s"
_FILE_BYTES = 2_000_000
_FILES = 5
_job_id: ContextVar[str] = ContextVar("job_id", default="-")


@contextmanager
def about_job(job_id: str) -> Iterator[None]:
    """Mark every log line inside as being about a job."""
    token = _job_id.set(job_id)
    try:
        yield
    finally:
        _job_id.reset(token)


def log_to_file(path: Path) -> logging.Handler:
    """Send this process's log to a file of its own, rotated at 2 MB, five kept."""
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8"
    )
    return _install(handler)


def log_to_stderr() -> logging.Handler:
    """Send this process's log to its standard error, which its parent keeps in a file."""
    return _install(logging.StreamHandler())


def rotate(path: Path) -> None:
    """Put a full log that a child process is about to append to aside, with the same limits."""
    if not path.exists() or path.stat().st_size < _FILE_BYTES:
        return
    for number in range(_FILES - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))


def _install(handler: logging.Handler) -> logging.Handler:
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_add_job_id)
    logger = logging.getLogger()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logging.getLogger("websockets").setLevel(logging.WARNING)
    return handler


def _add_job_id(record: logging.LogRecord) -> bool:
    record.job_id = _job_id.get()
    return True
