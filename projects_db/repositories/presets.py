"""Render presets."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from projects_db.errors import invalid
from projects_db.records import RenderPresetRecord
from projects_db.repositories.rows import delete_row, edited, get_row, insert_row, update_row
from projects_db.tables import RenderPreset
from projects_db.validation import check_json, check_name


def list_presets(connection: Connection) -> tuple[RenderPresetRecord, ...]:
    """Return the render presets by name."""
    query = select(*RenderPreset.__table__.c).order_by(RenderPreset.name)
    return tuple(RenderPresetRecord(**row) for row in connection.execute(query).mappings())


def insert_preset(connection: Connection, preset: RenderPresetRecord) -> None:
    """Add a preset under a name of its own."""
    _check(connection, preset)
    insert_row(connection, RenderPreset, asdict(preset))


def update_preset(connection: Connection, preset_id: str, changes: Mapping[str, Any]) -> None:
    """Change a preset's name or settings."""
    before = RenderPresetRecord(**get_row(connection, RenderPreset, preset_id, "render preset"))
    _check(connection, edited(before, changes))
    update_row(connection, RenderPreset, preset_id, changes)


def delete_preset(connection: Connection, preset_id: str) -> None:
    """Remove a preset."""
    delete_row(connection, RenderPreset, preset_id, "render preset")


def _check(connection: Connection, preset: RenderPresetRecord) -> None:
    check_name(preset.name, "render preset")
    check_json(preset.settings, "The settings of the preset")
    taken = select(RenderPreset.id).where(RenderPreset.name == preset.name, RenderPreset.id != preset.id)
    if connection.execute(taken).first():
        raise invalid(f"There is a render preset “{preset.name}” already.", "Choose another name.")
