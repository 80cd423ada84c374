"""Takes of scenes and their files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, true

from projects_db.errors import invalid, not_found
from projects_db.records import TakeFileRecord, TakeRecord, TakeStatus
from projects_db.repositories.rows import delete_row, get_row, insert_row, new_id, update_row
from projects_db.tables import Scene, Take, TakeFile
from projects_db.validation import (
    check_integer,
    check_json,
    check_name,
    check_relative_path,
    check_take_file,
    check_text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTake:
    """A take whose render begins; `request` is JSON text, `directory` relative to the project's folder."""

    id: str
    scene_id: str
    renderer: str
    seed: int
    request: str
    directory: str


def list_takes(connection: Connection, scene_id: str | None) -> tuple[TakeRecord, ...]:
    """Return the takes of a scene, or of all scenes in their order, in two queries."""
    which = true() if scene_id is None else Take.scene_id == scene_id
    return _takes(connection, which)


def get_take(connection: Connection, take_id: str) -> TakeRecord:
    """Return a take; ProjectError "not_found"."""
    found = _takes(connection, Take.id == take_id)
    if not found:
        raise not_found("take")
    return found[0]


def insert_take(connection: Connection, take: NewTake) -> int:
    """Add a queued take and return its number: one more than the highest in the scene."""
    check_name(take.id, "take")
    check_name(take.renderer, "renderer")
    check_integer(take.seed, "The seed")
    check_json(take.request, "The render request")
    check_relative_path(take.directory)
    get_row(connection, Scene, take.scene_id, "scene")
    if connection.execute(select(Take.id).where(Take.id == take.id)).first():
        raise invalid("The project has this take already.", "Look for it among the takes of its scene.")
    highest = select(func.coalesce(func.max(Take.number), 0)).where(Take.scene_id == take.scene_id)
    number: int = connection.execute(highest).scalar_one() + 1
    insert_row(connection, Take, _columns(take, number))
    return number


def finish_take(
    connection: Connection, take_id: str, outcome: Mapping[str, Any], files: Iterable[TakeFileRecord]
) -> None:
    """Record how a render ended (`status`, `result`, `error`) and the files it left."""
    get_row(connection, Take, take_id, "take")
    if outcome["status"] is TakeStatus.QUEUED:
        raise invalid("A finished take cannot be queued.", "Queue a new render of the scene.")
    if outcome["result"] is not None:
        check_json(outcome["result"], "The result of the render")
    if outcome["error"] is not None:
        check_text(outcome["error"], "The error of the render")
    update_row(connection, Take, take_id, {**outcome, "finished_at": datetime.now(UTC)})
    connection.execute(delete(TakeFile).where(TakeFile.take_id == take_id))
    rows = [_file_columns(take_id, position, file) for position, file in enumerate(files)]
    if rows:
        connection.execute(insert(TakeFile), rows)


def requeue_take(connection: Connection, take_id: str) -> None:
    """Let a take wait for its render again: what a former render left of result, error and files goes."""
    get_row(connection, Take, take_id, "take")
    waiting = {"status": TakeStatus.QUEUED, "result": None, "error": None, "finished_at": None}
    update_row(connection, Take, take_id, waiting)
    connection.execute(delete(TakeFile).where(TakeFile.take_id == take_id))


def rate_take(connection: Connection, take_id: str, rating: int) -> None:
    """Give a take 0 (not rated) to 5 stars."""
    check_integer(rating, "A rating", highest=5)
    get_row(connection, Take, take_id, "take")
    update_row(connection, Take, take_id, {"rating": rating})


def note_take(connection: Connection, take_id: str, notes: str) -> None:
    """Replace the notes on a take."""
    check_text(notes, "The notes")
    get_row(connection, Take, take_id, "take")
    update_row(connection, Take, take_id, {"notes": notes})


def delete_take(connection: Connection, take_id: str) -> None:
    """Remove a take from the project; its files stay."""
    delete_row(connection, Take, take_id, "take")


def _takes(connection: Connection, which: ColumnElement[bool]) -> tuple[TakeRecord, ...]:
    files: dict[str, list[TakeFileRecord]] = {}
    query = select(TakeFile).join(Take, Take.id == TakeFile.take_id).where(which)
    for row in connection.execute(query.order_by(TakeFile.take_id, TakeFile.position)).mappings():
        files.setdefault(row["take_id"], []).append(_file(row))
    rows = connection.execute(
        select(*Take.__table__.c)
        .join(Scene, Scene.id == Take.scene_id)
        .where(which)
        .order_by(Scene.position, Scene.id, Take.number)
    ).mappings()
    return tuple(TakeRecord(**row, files=tuple(files.get(row["id"], ()))) for row in rows)


def _file(row: RowMapping) -> TakeFileRecord:
    return TakeFileRecord(
        role=row["role"],
        label=row["label"],
        relative_path=row["relative_path"],
        size_bytes=row["size_bytes"],
    )


def _file_columns(take_id: str, position: int, file: TakeFileRecord) -> dict[str, Any]:
    check_take_file(file)
    return {
        "id": new_id(),
        "take_id": take_id,
        "position": position,
        "role": file.role,
        "label": file.label,
        "relative_path": file.relative_path,
        "size_bytes": file.size_bytes,
    }


def _columns(take: NewTake, number: int) -> dict[str, Any]:
    return {
        "id": take.id,
        "scene_id": take.scene_id,
        "number": number,
        "status": TakeStatus.QUEUED,
        "renderer": take.renderer,
        "seed": take.seed,
        "request": take.request,
        "result": None,
        "directory": take.directory,
        "rating": 0,
        "notes": "",
        "error": None,
        "created_at": datetime.now(UTC),
        "finished_at": None,
    }
