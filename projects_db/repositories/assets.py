"""Media files of the project."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from projects_db.errors import invalid, not_found
from projects_db.records import MediaAssetRecord, MediaKind, ProbeRecord
from projects_db.repositories.rows import delete_row, edited, find_row, get_row, insert_row, update_row
from projects_db.tables import Character, DrivingClip, MediaAsset, Scene, VoiceClip
from projects_db.validation import check_asset

_PROBE_FIELDS = tuple(field.name for field in fields(ProbeRecord))
_PLAIN_FIELDS = tuple(field.name for field in fields(MediaAssetRecord) if field.name != "probe")
_NAMES_SHOWN = 5


def list_assets(connection: Connection) -> tuple[MediaAssetRecord, ...]:
    """Return all media files by name."""
    query = select(*MediaAsset.__table__.c).order_by(MediaAsset.name, MediaAsset.id)
    return tuple(_asset(row) for row in connection.execute(query).mappings())


def get_asset(connection: Connection, asset_id: str) -> MediaAssetRecord:
    """Return one media file; ProjectError "not_found"."""
    return _asset(get_row(connection, MediaAsset, asset_id, "media file"))


def find_asset_by_hash(connection: Connection, content_hash: str) -> MediaAssetRecord | None:
    """Return a media file with this content, one that is not missing if there is one."""
    query = (
        select(*MediaAsset.__table__.c)
        .where(MediaAsset.content_hash == content_hash)
        .order_by(MediaAsset.missing, MediaAsset.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _asset(row)


def insert_asset(connection: Connection, asset: MediaAssetRecord) -> None:
    """Insert a media file."""
    check_asset(asset)
    insert_row(connection, MediaAsset, _columns(asset))


def update_asset(connection: Connection, asset_id: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a media file; TypeError for a field it has not."""
    asset = edited(get_asset(connection, asset_id), changes)
    check_asset(asset)
    update_row(connection, MediaAsset, asset_id, _columns(asset))


def delete_asset(connection: Connection, asset_id: str) -> None:
    """Remove a media file from the project; refused while a scene uses it. The file itself stays."""
    asset = get_asset(connection, asset_id)
    users = _scenes_using(connection, asset_id)
    if users:
        named = ", ".join(f"“{name}”" for name in users[:_NAMES_SHOWN])
        more = f" and {len(users) - _NAMES_SHOWN} more" if len(users) > _NAMES_SHOWN else ""
        raise invalid(
            f"“{asset.name}” is used in {named}{more}.",
            "Remove the clips or the scenes that use it first.",
        )
    delete_row(connection, MediaAsset, asset_id, "media file")


def require_kind(connection: Connection, asset_id: str, kinds: tuple[MediaKind, ...], purpose: str) -> None:
    """Refuse a media file of another kind; `purpose` is what it should be, such as "a plate"."""
    row = find_row(connection, MediaAsset, asset_id)
    if row is None:
        raise not_found("media file")
    if row["kind"] not in kinds:
        wanted = " or ".join(kind.value for kind in kinds)
        raise invalid(
            f"“{row['name']}” is {_with_article(row['kind'])} file and cannot be {purpose}.",
            f"Choose {_with_article(wanted)} file.",
        )


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _scenes_using(connection: Connection, asset_id: str) -> list[str]:
    by_plate = select(Scene.name).where(Scene.plate_asset_id == asset_id)
    by_clips = [
        select(Scene.name)
        .join(Character, Character.scene_id == Scene.id)
        .join(clip, clip.character_id == Character.id)
        .where(clip.asset_id == asset_id)
        for clip in (DrivingClip, VoiceClip)
    ]
    return sorted(connection.execute(by_plate.union(*by_clips)).scalars())


def _asset(row: RowMapping) -> MediaAssetRecord:
    probe = ProbeRecord(**{name: row[name] for name in _PROBE_FIELDS})
    return MediaAssetRecord(**{name: row[name] for name in _PLAIN_FIELDS}, probe=probe)


def _columns(asset: MediaAssetRecord) -> dict[str, Any]:
    plain = {name: getattr(asset, name) for name in _PLAIN_FIELDS}
    return plain | {name: getattr(asset.probe, name) for name in _PROBE_FIELDS}
