"""Markers of a scene."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, select

from projects_db.records import MarkerRecord
from projects_db.repositories.rows import delete_row, edited, get_row, insert_row, update_row
from projects_db.tables import Marker, Scene
from projects_db.validation import check_marker


def markers_of_scene(connection: Connection, scene_id: str) -> tuple[MarkerRecord, ...]:
    """Return the markers of a scene by frame."""
    query = select(*Marker.__table__.c).where(Marker.scene_id == scene_id)
    rows = connection.execute(query.order_by(Marker.frame, Marker.id)).mappings()
    return tuple(MarkerRecord(**row) for row in rows)


def insert_marker(connection: Connection, marker: MarkerRecord) -> None:
    """Add a marker to a scene."""
    check_marker(marker)
    get_row(connection, Scene, marker.scene_id, "scene")
    values = {field.name: getattr(marker, field.name) for field in fields(marker)}
    insert_row(connection, Marker, values)


def update_marker(connection: Connection, marker_id: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a marker; TypeError for a field it has not."""
    before = MarkerRecord(**get_row(connection, Marker, marker_id, "marker"))
    check_marker(edited(before, changes))
    update_row(connection, Marker, marker_id, changes)


def delete_marker(connection: Connection, marker_id: str) -> None:
    """Remove a marker."""
    delete_row(connection, Marker, marker_id, "marker")
