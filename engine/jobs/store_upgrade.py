"""Older queue files are brought up to date; newer ones, and those of another program, are left alone."""

from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.schema import CreateColumn

from engine.jobs.tables import QUEUE_SCHEMA, metadata
from engine.protocol.errors import ErrorCode, UserError


def bring_up_to_date(connection: Connection, path: Path) -> None:
    """Make the tables and columns that are missing in the queue at `path`.

    What is there is read by plain SQL first: the file may be of any version. Raises
    UserError(VERSION_MISMATCH) for a newer queue or a database of something else, which are not touched.
    """
    there = {table.name: _columns(connection, table.name) for table in metadata.sorted_tables}
    if any(there.values()):
        _refuse_newer(connection, path, there["queue"])
    missing = [
        (table, column)
        for table in metadata.sorted_tables
        for column in table.columns
        if there[table.name] and column.name not in there[table.name]
    ]
    if any(not column.nullable for _, column in missing):
        raise _not_ours(path)
    for table, column in missing:
        definition = CreateColumn(column).compile(connection)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
    metadata.create_all(connection)


def _columns(connection: Connection, table: str) -> frozenset[str]:
    rows = connection.exec_driver_sql(f"PRAGMA table_info({table})").mappings()
    return frozenset(row["name"] for row in rows)


def _refuse_newer(connection: Connection, path: Path, columns: frozenset[str]) -> None:
    if "schema_version" not in columns:
        raise _not_ours(path)
    version = connection.exec_driver_sql("SELECT max(schema_version) FROM queue").scalar()
    if isinstance(version, int) and version > QUEUE_SCHEMA:
        raise UserError(
            f"The queue {path} was written by a newer Masque.",
            next_step="Start the newer Masque, or move that file away to begin with an empty queue.",
            code=ErrorCode.VERSION_MISMATCH,
        )


def _not_ours(path: Path) -> UserError:
    return UserError(
        f"The file {path} is not a queue that this Masque can read.",
        next_step="Start the Masque that wrote it, or move that file away to begin with an empty queue.",
        code=ErrorCode.VERSION_MISMATCH,
    )
