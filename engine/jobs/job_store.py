"""The queue on disk: every change is one transaction that is on the platter before it counts."""

import errno
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, delete, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from engine.jobs.records import JobRecord, QueueSettings
from engine.jobs.store_upgrade import bring_up_to_date
from engine.jobs.tables import QUEUE_SCHEMA, jobs_table, queue_table
from engine.protocol.codec import (
    decode_error,
    decode_request,
    decode_result,
    encode_error,
    encode_request,
    encode_result,
)
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import AfterCrash, JobState

_QUEUE_ROW = 1
_IN_OLDER_QUEUES = {"share_reached": 0.0, "share_before": 0.0, "memory_ends": 0, "memory_ran_out": False}


class DamagedQueueError(Exception):
    """The queue's file is not a sound database."""


class JobStore:
    """The queue's database. One process and one thread use it."""

    def __init__(self, path: Path) -> None:
        """Open or make the queue at `path`.

        Raises DamagedQueueError, UserError for a newer or unwritable one.
        """
        self._path = path
        self._connection_source = _connection_source(path)
        try:
            self._check()
        except DatabaseError as error:
            self.close()
            if _is_damage(error):
                raise DamagedQueueError(str(error.orig)) from error
            raise _explained(error, path) from error
        except BaseException:
            self.close()
            raise

    @classmethod
    def open_or_replace(cls, path: Path) -> tuple[Self, str]:
        """Open the queue; keep a damaged one aside and start afresh.

        Returns the store and a sentence about it.
        """
        try:
            return cls(path), ""
        except DamagedQueueError:
            aside = _keep_aside(path)
            notice = f"The queue was damaged: it was kept as {aside}, and an empty one was started. "
            return cls(path), notice + "Finished takes are not lost; queue the missing renders again."

    def close(self) -> None:
        """Close the database; the write-ahead log is folded in."""
        self._connection_source.dispose()

    def load(self) -> tuple[list[JobRecord], QueueSettings, int]:
        """Return all jobs, the settings, and how many jobs could not be read (they stay in the file)."""
        jobs: list[JobRecord] = []
        unreadable = 0
        with self._explain(), self._connection_source.begin() as connection:
            for row in connection.execute(select(jobs_table)).mappings():
                try:
                    jobs.append(_to_record(dict(row)))
                except (UserError, ValueError):
                    unreadable += 1
            settings = connection.execute(select(queue_table)).mappings().one()
            return jobs, _to_settings(dict(settings)), unreadable

    def save(self, jobs: Iterable[JobRecord] = (), settings: QueueSettings | None = None) -> None:
        """Write jobs (new or changed) and settings in one transaction.

        Raises UserError where the disk refuses.
        """
        with self._explain(), self._connection_source.begin() as connection:
            for job in jobs:
                _upsert(connection, job)
            if settings is not None:
                _write_settings(connection, settings)

    def remove(self, job_ids: Iterable[str]) -> None:
        """Forget jobs, in one transaction."""
        with self._explain(), self._connection_source.begin() as connection:
            for job_id in job_ids:
                connection.execute(delete(jobs_table).where(jobs_table.c.job_id == job_id))

    def _check(self) -> None:
        with self._connection_source.begin() as connection:
            findings = connection.exec_driver_sql("PRAGMA quick_check(1)").scalars().all()
            if findings != ["ok"]:
                raise DamagedQueueError(str(findings[0]))
            bring_up_to_date(connection, self._path)
            if connection.execute(select(queue_table)).one_or_none() is None:
                _write_settings(connection, QueueSettings())

    @contextmanager
    def _explain(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise _explained(error, self._path) from error


def _connection_source(path: Path) -> Engine:
    source = create_engine(f"sqlite:///{path}", poolclass=StaticPool)

    @event.listens_for(source, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 5000")

    return source


def _upsert(connection: Connection, job: JobRecord) -> None:
    values = _to_row(job)
    changing = {
        name: value for name, value in values.items() if name not in {"job_id", "request_id", "request"}
    }
    statement = insert(jobs_table).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["job_id"], set_=changing))


def _write_settings(connection: Connection, settings: QueueSettings) -> None:
    values = {
        "schema_version": QUEUE_SCHEMA,
        "paused": settings.paused,
        "needs_answer": settings.needs_answer,
        "after_crash": settings.after_crash.value,
        "pause_reason": settings.pause_reason or None,
    }
    statement = insert(queue_table).values(id=_QUEUE_ROW, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def _to_row(job: JobRecord) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "request_id": job.request.request_id,
        "request": encode_request(job.request),
        "state": job.state.value,
        "priority": job.priority,
        "position": job.position,
        "attempts": job.attempts,
        "attempt_limit": job.attempt_limit,
        "kills": job.kills,
        "frames_reached": job.frames_reached,
        "frames_before": job.frames_before,
        "share_reached": job.share_reached,
        "share_before": job.share_before,
        "memory_ends": job.memory_ends,
        "memory_ran_out": job.memory_ran_out,
        "held_by_queue": job.held_by_queue,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "cleared_at": job.cleared_at,
        "error": None if job.error is None else encode_error(job.error),
        "result": None if job.result is None else encode_result(job.result),
    }


def _to_record(row: dict[str, Any]) -> JobRecord:
    del row["request_id"]
    for name, none_yet in _IN_OLDER_QUEUES.items():
        row[name] = none_yet if row[name] is None else row[name]
    row["request"] = decode_request(row["request"])
    row["state"] = JobState(row["state"])
    row["error"] = None if row["error"] is None else decode_error(row["error"])
    row["result"] = None if row["result"] is None else decode_result(row["result"])
    return JobRecord(**row)


def _to_settings(row: dict[str, Any]) -> QueueSettings:
    return QueueSettings(
        paused=row["paused"],
        needs_answer=row["needs_answer"],
        after_crash=AfterCrash(row["after_crash"]),
        pause_reason=row["pause_reason"] or "",
    )


def _is_damage(error: DatabaseError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _explained(error: DatabaseError, path: Path) -> UserError:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return UserError(
            f"The queue {path} could not be written: the disk is full or failing.",
            next_step=f"Free some space on the disk of {path.parent}.",
            code=ErrorCode.DISK_FULL,
        )
    return UserError(
        f"The queue {path} could not be written: {error.orig}.",
        next_step="Check that the file and its folder are writable and not in use by another program.",
        code=ErrorCode.NOT_WRITABLE,
    )


def _keep_aside(path: Path) -> Path:
    """Rename the database and its side files to a name with the time; nothing is overwritten."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{count}")
    for suffix in ("", "-wal", "-shm"):
        side_file = path.with_name(path.name + suffix)
        try:
            side_file.rename(aside.with_name(aside.name + suffix))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
    return aside
