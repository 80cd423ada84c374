"""`masque character`."""

from typing import Annotated

import typer

from desktop.authoring.characters import (
    add_character,
    character_named,
    choose_face,
    faces_on_plate,
    parse_region,
    region_from_box,
    region_from_face,
)
from desktop.authoring.project_files import open_project
from desktop.cli.presenting import (
    JsonOption,
    NameArgument,
    ProjectArgument,
    SceneArgument,
    console,
    present,
    shown,
    table,
)
from engine.protocol.errors import UserError
from projects_db.project_store import ProjectStore
from projects_db.records import CharacterRecord, FaceRegionRecord, RegionShape, SceneRecord

app = typer.Typer(help="Add, list and remove characters.", no_args_is_help=True, add_completion=False)

RegionOption = Annotated[
    str | None, typer.Option(help="x,y,width,height: shares of the plate from 0 to 1, or pixels.")
]
FaceOption = Annotated[int | None, typer.Option(help="A found face, counted from 1 at the left.")]


@app.command("add")
def add(
    project: ProjectArgument,
    scene: SceneArgument,
    name: NameArgument,
    region: RegionOption = None,
    face: FaceOption = None,
    box: Annotated[bool, typer.Option("--box", help="A box instead of an ellipse.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a character; without --region or --face the first free face on the plate is taken."""
    if region is not None and face is not None:
        raise UserError("A character has one region.", next_step="Give --region or --face, not both.")
    with open_project(project) as store:
        record = store.scene_named(scene)
        shape = RegionShape.BOX if box else RegionShape.ELLIPSE
        if region is not None:
            chosen = region_from_box(parse_region(region, record), shape)
        else:
            chosen = _face_region(store, record, face)
        with store.change("Add character") as change:
            character_id = add_character(change, record, name, chosen)
        made = next(one for one in store.scene(record.id).characters if one.id == character_id)
        present(
            as_json,
            {"character": made.name, "id": made.id, "colour": made.colour, "region": region_text(made)},
            f"Added [bold]{shown(made.name)}[/bold] to {shown(record.name)} at {region_text(made)}.",
        )


@app.command("list")
def list_characters(project: ProjectArgument, scene: SceneArgument, as_json: JsonOption = False) -> None:
    """List a scene's characters."""
    with open_project(project) as store:
        characters = store.scene_named(scene).characters
    rows = [(one.name, region_text(one), len(one.driving_clips), len(one.voice_clips)) for one in characters]
    present(as_json, {"characters": characters})
    if not as_json:
        console().print(table(("character", "region", "clips", "voices"), rows))


@app.command("remove")
def remove(
    project: ProjectArgument, scene: SceneArgument, name: NameArgument, as_json: JsonOption = False
) -> None:
    """Remove a character with its clips and curves."""
    with open_project(project) as store:
        character = character_named(store.scene_named(scene), name)
        with store.change("Remove character") as change:
            change.remove_character(character.id)
    present(as_json, {"removed": name}, f"Removed {shown(name)}.")


def region_text(character: CharacterRecord) -> str:
    """Return a character's first region as it is written on the command line."""
    box = character.region.keys[0].box
    return f"{box.x:.3f},{box.y:.3f},{box.width:.3f},{box.height:.3f}"


def _face_region(store: ProjectStore, scene: SceneRecord, number: int | None) -> FaceRegionRecord:
    faces = faces_on_plate(store, scene)
    if number is not None:
        return region_from_face(choose_face(faces, number, scene.plate.name))
    taken = [character.region for character in scene.characters]
    free = [region for region in map(region_from_face, faces) if not any(map(region.__eq__, taken))]
    if faces and not free:
        raise UserError(
            "Every face found on the plate has a character already.",
            next_step="Say where the next one is with --region x,y,width,height.",
        )
    choose_face(faces, 1, scene.plate.name)
    return free[0]
