"""Scenes: the list, one whole scene, and their edits."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from projects_db.column_types import DamagedValueError
from projects_db.errors import ProjectError, invalid
from projects_db.records import MediaAssetRecord, MediaKind, SceneRecord, SceneSummary
from projects_db.repositories import assets, characters, markers
from projects_db.repositories.ordering import move_to, next_position
from projects_db.repositories.rows import delete_row, get_row, insert_row, new_id, update_row
from projects_db.tables import Character, Scene, Take
from projects_db.validation import check_length, check_name, check_text

_CHANGEABLE = frozenset({"name", "length_frames", "prompt", "negative_prompt", "plate_asset_id"})
_NAMES_SHOWN = 20


def list_scenes(connection: Connection) -> tuple[SceneSummary, ...]:
    """Return all scenes in their order, in one query."""
    query = select(
        Scene.id,
        Scene.name,
        Scene.plate_asset_id,
        Scene.length_frames,
        select(func.count()).where(Character.scene_id == Scene.id).scalar_subquery().label("character_count"),
        select(func.count()).where(Take.scene_id == Scene.id).scalar_subquery().label("take_count"),
    ).order_by(Scene.position, Scene.id)
    rows = connection.execute(query).mappings()
    return tuple(SceneSummary(**row, position=place) for place, row in enumerate(rows))


def get_scene(connection: Connection, scene_id: str) -> SceneRecord:
    """Return a scene with everything on its timeline; ProjectError "not_found"."""
    row = get_row(connection, Scene, scene_id, "scene")
    before = tuple_(Scene.position, Scene.id) < tuple_(row["position"], row["id"])
    return SceneRecord(
        id=row["id"],
        name=row["name"],
        position=connection.execute(select(func.count()).select_from(Scene).where(before)).scalar_one(),
        plate=_plate(connection, row["plate_asset_id"]),
        length_frames=row["length_frames"],
        prompt=row["prompt"],
        negative_prompt=row["negative_prompt"],
        characters=characters.characters_of_scene(connection, scene_id),
        markers=markers.markers_of_scene(connection, scene_id),
    )


def _plate(connection: Connection, asset_id: str) -> MediaAssetRecord:
    try:
        return assets.get_asset(connection, asset_id)
    except ProjectError as error:
        raise DamagedValueError("A scene refers to a plate that is not there") from error


def find_scene_id(connection: Connection, name_or_id: str) -> str:
    """Return the id of the scene with this name, else with this id or the one whose id begins so."""
    by_name = connection.execute(select(Scene.id).where(Scene.name == name_or_id)).scalar_one_or_none()
    if by_name is not None:
        return by_name
    prefix = name_or_id.lower()
    found = connection.execute(
        select(Scene.id).where(func.substr(Scene.id, 1, len(prefix)) == prefix).limit(2)
    ).scalars()
    matches = list(found) if prefix else []
    if len(matches) == 1:
        return matches[0]
    raise _no_such_scene(connection, name_or_id, is_ambiguous=len(matches) > 1)


def insert_scene(connection: Connection, name: str, plate_asset_id: str, length_frames: int | None) -> str:
    """Add a scene behind the last one and return its id."""
    scene_id = new_id()
    _check(
        connection, scene_id, {"name": name, "plate_asset_id": plate_asset_id, "length_frames": length_frames}
    )
    values = {"id": scene_id, "name": name, "plate_asset_id": plate_asset_id, "length_frames": length_frames}
    place = {"position": next_position(connection, Scene), "prompt": "", "negative_prompt": ""}
    insert_row(connection, Scene, values | place)
    return scene_id


def update_scene(connection: Connection, scene_id: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a scene; TypeError for a field that cannot be changed so."""
    if unknown := set(changes) - _CHANGEABLE:
        raise TypeError(f"A scene has no fields {unknown} to change")
    get_row(connection, Scene, scene_id, "scene")
    _check(connection, scene_id, changes)
    update_row(connection, Scene, scene_id, changes)


def move_scene(connection: Connection, scene_id: str, position: int) -> None:
    """Put a scene at `position`, counted from 0."""
    get_row(connection, Scene, scene_id, "scene")
    move_to(connection, Scene, scene_id, position)


def delete_scene(connection: Connection, scene_id: str) -> None:
    """Remove a scene with its characters, markers and takes; files on the disk stay."""
    delete_row(connection, Scene, scene_id, "scene")


def _check(connection: Connection, scene_id: str, values: Mapping[str, Any]) -> None:
    if "name" in values:
        check_name(values["name"], "scene")
        taken = select(Scene.id).where(Scene.name == values["name"], Scene.id != scene_id)
        if connection.execute(taken).first():
            raise invalid(f"There is a scene “{values['name']}” already.", "Choose another name.")
    if values.get("length_frames") is not None:
        check_length(values["length_frames"])
    for prompt in ("prompt", "negative_prompt"):
        check_text(values.get(prompt, ""), "The prompt")
    if "plate_asset_id" in values:
        assets.require_kind(connection, values["plate_asset_id"], (MediaKind.IMAGE,), "a plate")


def _no_such_scene(connection: Connection, name_or_id: str, *, is_ambiguous: bool) -> ProjectError:
    names = list(connection.execute(select(Scene.name).order_by(Scene.position, Scene.id)).scalars())
    if not names:
        next_step = "The project has no scenes yet: add one."
    else:
        listed = ", ".join(f"“{name}”" for name in names[:_NAMES_SHOWN])
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        next_step = f"The scenes are {listed}{more}."
    told = "More than one scene has an id that begins with" if is_ambiguous else "There is no scene"
    return ProjectError(f"{told} “{name_or_id}”.", next_step=next_step, code="not_found")
