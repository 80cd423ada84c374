"""Driving clips and voice clips."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, select

from projects_db.records import DrivingClipRecord, MediaKind, VoiceClipRecord
from projects_db.repositories.assets import require_kind
from projects_db.repositories.rows import delete_row, edited, get_row, insert_row, update_row
from projects_db.tables import Character, DrivingClip, VoiceClip
from projects_db.validation import check_driving_clip, check_voice_clip


def driving_clips_of_scene(connection: Connection, scene_id: str) -> dict[str, list[DrivingClipRecord]]:
    """Return the driving clips of a scene by character, in the order of the timeline, in one query."""
    clips: dict[str, list[DrivingClipRecord]] = {}
    for row in _rows_of_scene(connection, DrivingClip, scene_id):
        clips.setdefault(row["character_id"], []).append(DrivingClipRecord(**row))
    return clips


def voice_clips_of_scene(connection: Connection, scene_id: str) -> dict[str, list[VoiceClipRecord]]:
    """Return the voice clips of a scene by character, in the order of the timeline, in one query."""
    clips: dict[str, list[VoiceClipRecord]] = {}
    for row in _rows_of_scene(connection, VoiceClip, scene_id):
        clips.setdefault(row["character_id"], []).append(VoiceClipRecord(**row))
    return clips


def insert_driving_clip(connection: Connection, clip: DrivingClipRecord) -> None:
    """Place a driving clip."""
    _check_driving_clip(connection, clip)
    insert_row(connection, DrivingClip, _columns(clip))


def update_driving_clip(connection: Connection, clip_id: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a driving clip; TypeError for a field it has not."""
    before = DrivingClipRecord(**get_row(connection, DrivingClip, clip_id, "driving clip"))
    clip = edited(before, changes)
    _check_driving_clip(connection, clip)
    update_row(connection, DrivingClip, clip_id, changes)


def delete_driving_clip(connection: Connection, clip_id: str) -> None:
    """Remove a driving clip."""
    delete_row(connection, DrivingClip, clip_id, "driving clip")


def insert_voice_clip(connection: Connection, clip: VoiceClipRecord) -> None:
    """Place a voice clip."""
    _check_voice_clip(connection, clip)
    insert_row(connection, VoiceClip, _columns(clip))


def update_voice_clip(connection: Connection, clip_id: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a voice clip; TypeError for a field it has not."""
    before = VoiceClipRecord(**get_row(connection, VoiceClip, clip_id, "voice clip"))
    clip = edited(before, changes)
    _check_voice_clip(connection, clip)
    update_row(connection, VoiceClip, clip_id, changes)


def delete_voice_clip(connection: Connection, clip_id: str) -> None:
    """Remove a voice clip."""
    delete_row(connection, VoiceClip, clip_id, "voice clip")


def _rows_of_scene(
    connection: Connection, table: type[DrivingClip] | type[VoiceClip], scene_id: str
) -> list[dict[str, Any]]:
    query = (
        select(*table.__table__.c)
        .join(Character, Character.id == table.character_id)
        .where(Character.scene_id == scene_id)
        .order_by(table.start_frame, table.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _check_driving_clip(connection: Connection, clip: DrivingClipRecord) -> None:
    check_driving_clip(clip)
    get_row(connection, Character, clip.character_id, "character")
    require_kind(connection, clip.asset_id, (MediaKind.VIDEO,), "a driving clip")


def _check_voice_clip(connection: Connection, clip: VoiceClipRecord) -> None:
    check_voice_clip(clip)
    get_row(connection, Character, clip.character_id, "character")
    require_kind(connection, clip.asset_id, (MediaKind.AUDIO, MediaKind.VIDEO), "a voice clip")


def _columns(clip: DrivingClipRecord | VoiceClipRecord) -> dict[str, Any]:
    return {field.name: getattr(clip, field.name) for field in fields(clip)}
