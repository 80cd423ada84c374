"""Intensity curves and their keys."""

from typing import Any

from sqlalchemy import Connection, Row, select

from projects_db.records import Channel, CurveKeyRecord, IntensityCurveRecord
from projects_db.repositories.keys import replace_keys
from projects_db.repositories.rows import delete_row, get_row, insert_row, new_id
from projects_db.tables import Character, CurveKey, IntensityCurve
from projects_db.validation import check_curve_keys


def curves_of_scene(connection: Connection, scene_id: str) -> dict[str, list[IntensityCurveRecord]]:
    """Return the curves of a scene by character, in the order of the channels, in one query."""
    query = (
        select(IntensityCurve.character_id, IntensityCurve.channel, *CurveKey.__table__.c)
        .join(Character, Character.id == IntensityCurve.character_id)
        .join(CurveKey, CurveKey.curve_id == IntensityCurve.id)
        .where(Character.scene_id == scene_id)
        .order_by(IntensityCurve.id, CurveKey.frame)
    )
    keys: dict[tuple[str, Channel], list[CurveKeyRecord]] = {}
    for row in connection.execute(query):
        keys.setdefault((row.character_id, row.channel), []).append(_key(row))
    curves: dict[str, list[IntensityCurveRecord]] = {}
    order = list(Channel)
    for (owner, channel), found in sorted(keys.items(), key=lambda item: order.index(item[0][1])):
        curve = IntensityCurveRecord(character_id=owner, channel=channel, keys=tuple(found))
        curves.setdefault(owner, []).append(curve)
    return curves


def set_curve(
    connection: Connection, character_id: str, channel: Channel, keys: tuple[CurveKeyRecord, ...]
) -> None:
    """Replace a character's curve of a channel; without keys there is none."""
    check_curve_keys(keys)
    get_row(connection, Character, character_id, "character")
    query = select(IntensityCurve.id).where(
        IntensityCurve.character_id == character_id, IntensityCurve.channel == channel
    )
    curve_id = connection.execute(query).scalar_one_or_none()
    if not keys:
        if curve_id is not None:
            delete_row(connection, IntensityCurve, curve_id, "curve")
        return
    if curve_id is None:
        curve_id = new_id()
        values = {"id": curve_id, "character_id": character_id, "channel": channel}
        insert_row(connection, IntensityCurve, values)
    replace_keys(connection, CurveKey, {"curve_id": curve_id}, {key.frame: _columns(key) for key in keys})


def _key(row: Row[Any]) -> CurveKeyRecord:
    return CurveKeyRecord(
        frame=row.frame,
        value=row.value,
        interpolation=row.interpolation,
        handle_in=(row.handle_in_frames, row.handle_in_value),
        handle_out=(row.handle_out_frames, row.handle_out_value),
    )


def _columns(key: CurveKeyRecord) -> dict[str, Any]:
    return {
        "value": key.value,
        "interpolation": key.interpolation,
        "handle_in_frames": key.handle_in[0],
        "handle_in_value": key.handle_in[1],
        "handle_out_frames": key.handle_out[0],
        "handle_out_value": key.handle_out[1],
    }
