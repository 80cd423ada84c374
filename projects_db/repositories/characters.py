"""Characters of a scene with everything on their timelines."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from projects_db.column_types import DamagedValueError
from projects_db.errors import invalid
from projects_db.records import CharacterRecord, FaceRegionRecord
from projects_db.repositories import clips, curves, regions
from projects_db.repositories.ordering import move_to, next_position
from projects_db.repositories.rows import delete_row, get_row, insert_row, new_id, update_row
from projects_db.tables import Character, Scene
from projects_db.validation import check_colour, check_name

_CHANGEABLE = frozenset({"name", "colour", "position"})


def characters_of_scene(connection: Connection, scene_id: str) -> tuple[CharacterRecord, ...]:
    """Return the characters of a scene in their order; the number of queries does not depend on theirs."""
    query = select(Character.id, Character.name, Character.colour).where(Character.scene_id == scene_id)
    rows = connection.execute(query.order_by(Character.position, Character.id)).all()
    region = regions.regions_of_scene(connection, scene_id)
    driving = clips.driving_clips_of_scene(connection, scene_id)
    voices = clips.voice_clips_of_scene(connection, scene_id)
    curve = curves.curves_of_scene(connection, scene_id)
    if any(row.id not in region for row in rows):
        raise DamagedValueError("A character has no face region")
    return tuple(
        CharacterRecord(
            id=row.id,
            scene_id=scene_id,
            name=row.name,
            colour=row.colour,
            position=place,
            region=region[row.id],
            driving_clips=tuple(driving.get(row.id, ())),
            voice_clips=tuple(voices.get(row.id, ())),
            curves=tuple(curve.get(row.id, ())),
        )
        for place, row in enumerate(rows)
    )


def insert_character(
    connection: Connection, scene_id: str, name: str, colour: str, region: FaceRegionRecord
) -> str:
    """Add a character behind the last one of its scene and return its id."""
    character_id = new_id()
    get_row(connection, Scene, scene_id, "scene")
    _check_name_is_free(connection, scene_id, character_id, name)
    check_colour(colour)
    position = next_position(connection, Character, Character.scene_id == scene_id)
    values = {"id": character_id, "scene_id": scene_id, "name": name, "colour": colour}
    insert_row(connection, Character, values | {"position": position})
    regions.insert_region(connection, character_id, region)
    return character_id


def update_character(connection: Connection, character_id: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a character; TypeError for a field that cannot be changed so."""
    if unknown := set(changes) - _CHANGEABLE:
        raise TypeError(f"A character has no fields {unknown} to change")
    scene_id = get_row(connection, Character, character_id, "character")["scene_id"]
    values = dict(changes)
    if "name" in values:
        _check_name_is_free(connection, scene_id, character_id, values["name"])
    if "colour" in values:
        check_colour(values["colour"])
    if "position" in values:
        place = values.pop("position")
        move_to(connection, Character, character_id, place, Character.scene_id == scene_id)
    update_row(connection, Character, character_id, values)


def delete_character(connection: Connection, character_id: str) -> None:
    """Remove a character with its region, clips and curves."""
    delete_row(connection, Character, character_id, "character")


def _check_name_is_free(connection: Connection, scene_id: str, character_id: str, name: str) -> None:
    check_name(name, "character")
    taken = select(Character.id).where(
        Character.scene_id == scene_id, Character.name == name, Character.id != character_id
    )
    if connection.execute(taken).first():
        raise invalid(f"The scene has a character “{name}” already.", "Choose another name.")
