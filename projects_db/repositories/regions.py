"""Face regions and their keys."""

from typing import Any

from sqlalchemy import Connection, select

from projects_db.errors import not_found
from projects_db.records import FaceRegionRecord, RegionBox, RegionKeyRecord
from projects_db.repositories.keys import replace_keys
from projects_db.repositories.rows import insert_row, new_id, update_row
from projects_db.tables import Character, FaceRegion, FaceRegionKey
from projects_db.validation import check_region


def regions_of_scene(connection: Connection, scene_id: str) -> dict[str, FaceRegionRecord]:
    """Return the face regions of a scene by character, in one query."""
    query = (
        select(
            FaceRegion.character_id,
            FaceRegion.shape,
            FaceRegion.feather,
            FaceRegionKey.frame,
            FaceRegionKey.x,
            FaceRegionKey.y,
            FaceRegionKey.width,
            FaceRegionKey.height,
        )
        .join(Character, Character.id == FaceRegion.character_id)
        .join(FaceRegionKey, FaceRegionKey.region_id == FaceRegion.id)
        .where(Character.scene_id == scene_id)
        .order_by(FaceRegion.character_id, FaceRegionKey.frame)
    )
    keys: dict[str, list[RegionKeyRecord]] = {}
    outlines: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query):
        box = RegionBox(x=row.x, y=row.y, width=row.width, height=row.height)
        keys.setdefault(row.character_id, []).append(RegionKeyRecord(frame=row.frame, box=box))
        outlines[row.character_id] = {"shape": row.shape, "feather": row.feather}
    return {
        owner: FaceRegionRecord(**outline, keys=tuple(keys[owner])) for owner, outline in outlines.items()
    }


def insert_region(connection: Connection, character_id: str, region: FaceRegionRecord) -> None:
    """Give a new character its region."""
    check_region(region)
    region_id = new_id()
    outline = {"shape": region.shape, "feather": region.feather}
    insert_row(connection, FaceRegion, {"id": region_id, "character_id": character_id, **outline})
    _set_keys(connection, region_id, region)


def set_region(connection: Connection, character_id: str, region: FaceRegionRecord) -> None:
    """Replace a character's region."""
    check_region(region)
    query = select(FaceRegion.id).where(FaceRegion.character_id == character_id)
    region_id = connection.execute(query).scalar_one_or_none()
    if region_id is None:
        raise not_found("character")
    update_row(connection, FaceRegion, region_id, {"shape": region.shape, "feather": region.feather})
    _set_keys(connection, region_id, region)


def _set_keys(connection: Connection, region_id: str, region: FaceRegionRecord) -> None:
    wanted = {
        key.frame: {"x": key.box.x, "y": key.box.y, "width": key.box.width, "height": key.box.height}
        for key in region.keys
    }
    replace_keys(connection, FaceRegionKey, {"region_id": region_id}, wanted)
