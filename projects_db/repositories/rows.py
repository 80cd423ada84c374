"""Single rows: the few statements every repository is made of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from projects_db.errors import not_found
from projects_db.records import (
    DrivingClipRecord,
    MarkerRecord,
    MediaAssetRecord,
    RenderPresetRecord,
    VoiceClipRecord,
)
from projects_db.tables import Row

RecordT = TypeVar(
    "RecordT", DrivingClipRecord, MarkerRecord, MediaAssetRecord, RenderPresetRecord, VoiceClipRecord
)


def new_id() -> str:
    """Return a fresh id: a random UUID as 32 hexadecimal digits."""
    return uuid4().hex


def find_row(connection: Connection, table: type[Row], row_id: str) -> RowMapping | None:
    """Return a row by its id, or None."""
    return connection.execute(select(*table.__table__.c).where(table.id == row_id)).mappings().one_or_none()


def get_row(connection: Connection, table: type[Row], row_id: str, what: str) -> RowMapping:
    """Return a row by its id; ProjectError "not_found" speaks of `what`, such as "scene"."""
    row = find_row(connection, table, row_id)
    if row is None:
        raise not_found(what)
    return row


def edited(record: RecordT, changes: Mapping[str, Any]) -> RecordT:
    """Return a record with some fields changed; TypeError for its id and for fields it has not."""
    if "id" in changes:
        raise TypeError("The id of a row stays what it is")
    return replace(record, **changes)


def insert_row(connection: Connection, table: type[Row], values: Mapping[str, Any]) -> None:
    """Insert one row."""
    connection.execute(insert(table).values(**values))


def update_row(connection: Connection, table: type[Row], row_id: str, values: Mapping[str, Any]) -> None:
    """Set some columns of a row that is there."""
    if values:
        connection.execute(update(table).where(table.id == row_id).values(**values))


def delete_row(connection: Connection, table: type[Row], row_id: str, what: str) -> None:
    """Delete a row and all that belongs to it; ProjectError "not_found" where there is none."""
    if connection.execute(delete(table).where(table.id == row_id)).rowcount != 1:
        raise not_found(what)
