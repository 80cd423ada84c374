"""The project's one row."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, select, update

from projects_db.records import ProjectRecord
from projects_db.repositories.rows import insert_row, new_id
from projects_db.schema import stored_revision
from projects_db.tables import Project


def insert_project(connection: Connection, name: str, frame_rate: Fraction) -> None:
    """Insert the project's row into a new file."""
    values = {"id": new_id(), "only_one": 1, "name": name, "frame_rate": frame_rate}
    insert_row(connection, Project, values | {"created_at": datetime.now(UTC)})


def get_project(connection: Connection) -> ProjectRecord:
    """Return the project."""
    row = connection.execute(select(*Project.__table__.c)).mappings().one()
    return ProjectRecord(
        id=row["id"],
        name=row["name"],
        frame_rate=row["frame_rate"],
        created_at=row["created_at"],
        schema_revision=stored_revision(connection),
    )


def set_project(connection: Connection, values: Mapping[str, Any]) -> None:
    """Set some columns of the project."""
    connection.execute(update(Project).values(**values))
