"""Keys of curves and regions: rows found by their owner and frame."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from projects_db.repositories.rows import insert_row, new_id, update_row
from projects_db.tables import CurveKey, FaceRegionKey


def replace_keys(
    connection: Connection,
    table: type[CurveKey] | type[FaceRegionKey],
    owner: Mapping[str, str],
    wanted: Mapping[int, Mapping[str, Any]],
) -> None:
    """Make the owner's keys the `wanted` ones (by frame); keys that stay keep their ids."""
    columns = table.__table__.c
    ((owner_column, owner_id),) = owner.items()
    query = select(columns.id, columns.frame).where(columns[owner_column] == owner_id)
    stored = {row.frame: row.id for row in connection.execute(query)}
    for frame, row_id in stored.items():
        if frame not in wanted:
            connection.execute(delete(table).where(table.id == row_id))
    for frame, values in wanted.items():
        if frame in stored:
            update_row(connection, table, stored[frame], values)
        else:
            insert_row(connection, table, {"id": new_id(), owner_column: owner_id, "frame": frame, **values})
