"""`masque takes`."""

import asyncio
from typing import Annotated

import typer

from desktop.authoring.project_files import open_project
from desktop.authoring.take_origin import take_origin
from desktop.authoring.takes import reconcile_with_engine, take_directory
from desktop.cli.presenting import JsonOption, ProjectArgument, console, present, shown, table
from desktop.cli.take_text import made_by, making_lines
from engine.protocol.errors import UserError
from projects_db.project_store import ProjectStore
from projects_db.records import TakeRecord

app = typer.Typer(add_completion=False)


@app.command(help="List, rate and annotate takes.")
def takes(
    project: ProjectArgument,
    scene: Annotated[str | None, typer.Option(help="Only this scene's takes.")] = None,
    take: Annotated[int | None, typer.Option(help="The take to show in full, rate or annotate.")] = None,
    rating: Annotated[int | None, typer.Option(help="0 to 5 stars.")] = None,
    notes: Annotated[str | None, typer.Option(help="A note.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List takes; with --scene and --take show how one was made, with --rating or --notes say its worth."""
    with open_project(project) as store:
        asyncio.run(reconcile_with_engine(store))
        scene_id = None if scene is None else store.scene_named(scene).id
        if rating is not None or notes is not None:
            _annotate(store, chosen_take(store, scene_id, take), rating, notes)
        listed = store.takes(scene_id) if take is None else (chosen_take(store, scene_id, take),)
        names = {one.id: one.name for one in store.scenes()}
        present(as_json, {"takes": [_answer(store, one, names) for one in listed]})
        if not as_json:
            rows = [_row(store, one, names) for one in listed]
            headings = ("scene", "take", "status", "made by", "seed", "rating", "folder or reason")
            console().print(table(headings, rows))
            if take is not None:
                for line in making_lines(listed[0]):
                    console().print(shown(line), soft_wrap=True)


def chosen_take(store: ProjectStore, scene_id: str | None, number: int | None) -> TakeRecord:
    """Return the take of that number in the scene. Raises UserError when it is not one take."""
    if scene_id is None or number is None:
        raise UserError("Which take?", next_step="Give --scene and --take.")
    for take in store.takes(scene_id):
        if take.number == number:
            return take
    raise UserError(f"The scene has no take {number}.", next_step="List them with masque takes PROJECT.")


def _annotate(store: ProjectStore, take: TakeRecord, rating: int | None, notes: str | None) -> None:
    with store.change("Rate take" if notes is None else "Annotate take") as change:
        if rating is not None:
            change.rate_take(take.id, rating)
        if notes is not None:
            change.note_take(take.id, notes)


def _answer(store: ProjectStore, take: TakeRecord, names: dict[str, str]) -> dict[str, object]:
    origin = take_origin(take)
    return {
        "id": take.id,
        "scene": names[take.scene_id],
        "number": take.number,
        "status": take.status,
        "renderer": take.renderer,
        "diffusion_settings": origin.settings,
        "diffusion_record": origin.record,
        "warnings": origin.warnings,
        "seed": take.seed,
        "rating": take.rating,
        "notes": take.notes,
        "error": take.error,
        "directory": take_directory(store, take),
        "files": [
            {"role": f.role, "label": f.label, "path": store.folder / f.relative_path} for f in take.files
        ],
    }


def _row(store: ProjectStore, take: TakeRecord, names: dict[str, str]) -> tuple[object, ...]:
    stars = "★" * take.rating or "–"
    where = shown(take.error) if take.error else take_directory(store, take)
    return names[take.scene_id], take.number, take.status.value, made_by(take), take.seed, stars, where
