"""One connection to one project file: how it is opened, read, written and closed.

While a project is open its journal is a write-ahead log, so that a window and a command read and write side
by side; after the last close it is one plain file.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from projects_db import sqlite_errors
from projects_db.errors import ProjectError
from projects_db.file_checks import log_files, missing
from projects_db.sqlite_errors import told_to_the_user

BUSY_TIMEOUT_S = 5.0
_RETRY_S = 0.01
_NO_FILE = (0, 0)
# FULL: a commit is on the disk when it returns, also after a power cut. The file may come from anyone: its
# schema is not trusted to call functions, and sizes of cells are checked.
_SETTINGS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


class ProjectConnection:
    """The open file. Reading sees one moment; writing is one transaction that is kept whole or not at all."""

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """Connect to an existing file; raises ProjectError."""
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._is_writing = False
        self._connection_source = connection_source(path, busy_timeout_s=busy_timeout_s)
        with told_to_the_user(path):
            self._connection: Connection | None = self._connection_source.connect()
        self._identity = _file_identity(path)
        self._log_identity: tuple[int, int] | None = None

    @property
    def connection(self) -> Connection:
        """The SQLAlchemy connection; RuntimeError after close."""
        if self._connection is None:
            raise RuntimeError(f"{self.path.name} was closed")
        return self._connection

    @property
    def driver(self) -> sqlite3.Connection:
        """The SQLite connection below it, for pragmas, backups and the change log."""
        driver = self.connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise RuntimeError(f"{self.path.name} is not open through SQLite")
        return driver

    @property
    def is_writing(self) -> bool:
        """Whether a transaction that writes is under way."""
        return self._is_writing

    def use_write_ahead_log(self) -> None:
        """Let others read and write beside us, where the file system can; elsewhere they wait for us."""
        self._retry_while_busy("PRAGMA journal_mode = WAL")
        self._retry_while_busy("SELECT count(*) FROM sqlite_schema")
        found = _file_identity(self._log)
        self._log_identity = None if found == _NO_FILE else found

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one moment of the project; inside a change, what the change has made of it so far."""
        connection = self.connection
        with told_to_the_user(self.path):
            if self.driver.in_transaction:
                yield connection
                return
            self.driver.execute("BEGIN")
            try:
                yield connection
            finally:
                self._end("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction; an exception takes everything back. RuntimeError inside another."""
        connection = self.connection
        if self._is_writing:
            raise RuntimeError("A change is under way; finish it before the next one")
        self._check_still_there()
        with told_to_the_user(self.path):
            self.driver.execute("BEGIN IMMEDIATE")
        self._is_writing = True
        try:
            yield connection
            if not self.driver.in_transaction:
                raise RuntimeError(
                    "The change was given up when the disk failed; do not go on after an error"
                )
            with told_to_the_user(self.path):
                self.driver.execute("COMMIT")
        finally:
            self._is_writing = False
            self._end("ROLLBACK")

    def data_version(self) -> int:
        """Return a number that changes when someone else has written to the project."""
        with told_to_the_user(self.path):
            return int(self.driver.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close; the last one out leaves a single plain file. RuntimeError inside a change."""
        if self._connection is None:
            return
        if self._is_writing:
            raise RuntimeError("A change is under way; finish it before closing the project")
        try:
            self._fold_log_into_file()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of a file that was not opened well, leaving it as it is."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._connection_source.dispose()

    def _fold_log_into_file(self) -> None:
        driver = self.driver
        driver.execute("PRAGMA busy_timeout = 0")
        try:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            driver.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error:
            # Someone else has the project open and closes it later, or the disk refuses: the log stays
            # beside the file, and what was committed is in it.
            return

    def _retry_while_busy(self, statement: str) -> None:
        """Run a statement that SQLite does not wait for on its own."""
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                self.driver.execute(statement).fetchall()
                return
            except sqlite3.OperationalError as error:
                if not sqlite_errors.is_busy(error) or time.monotonic() > deadline:
                    told = sqlite_errors.project_error(self.path, error)
                    raise told or error from error
            time.sleep(_RETRY_S)

    def _check_still_there(self) -> None:
        if self._identity is not None and _file_identity(self.path) != self._identity:
            raise missing(self.path)
        if self._log_identity is not None and _file_identity(self._log) != self._log_identity:
            # Something in this process has opened and closed the file and so dropped our locks; the next
            # program took itself for the last one and took the log away. What is written now would be lost.
            raise ProjectError(
                f"“{self.path.name}” was closed by another program while open here; nothing was written.",
                next_step="Open the project again; everything before this edit is in it.",
                code="not_writable",
            )

    @property
    def _log(self) -> Path:
        return log_files(self.path)[0]

    def _end(self, statement: str) -> None:
        if self._connection is not None and self.driver.in_transaction:
            self.driver.execute(statement)


def connect_driver(path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Connect to an existing SQLite file with the settings of a project; transactions are begun by hand."""
    driver = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=busy_timeout_s, isolation_level=None
    )
    try:
        for setting in _SETTINGS:
            driver.execute(setting)
    except BaseException:
        driver.close()
        raise
    return driver


def connection_source(path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Return what connects SQLAlchemy to an existing file; a connection given back is closed."""
    return create_engine(
        "sqlite://", creator=lambda: connect_driver(path, busy_timeout_s=busy_timeout_s), poolclass=NullPool
    )


def _file_identity(path: Path) -> tuple[int, int] | None:
    """Return what tells this file from another one in its place; None where the system has no such thing."""
    if os.name == "nt":
        return None
    try:
        status = path.stat()
    except OSError:
        return _NO_FILE
    return (status.st_dev, status.st_ino)
