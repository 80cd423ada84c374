"""`masque scene`."""

from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.frame_rates import frames_text
from desktop.authoring.media_import import prepare_media_for
from desktop.authoring.project_files import open_project
from desktop.authoring.scenes import add_scene, scene_length_frames
from desktop.cli.presenting import (
    JsonOption,
    ProjectArgument,
    SceneArgument,
    console,
    present,
    shown,
    table,
)
from engine.protocol.errors import UserError

app = typer.Typer(help="Add, list, set and remove scenes.", no_args_is_help=True, add_completion=False)


@app.command("add")
def add(
    project: ProjectArgument,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The still picture.", show_default=False)],
    name: Annotated[str | None, typer.Option(help="The scene's name; else the file's.")] = None,
    by_reference: Annotated[bool, typer.Option("--by-reference", help="Leave the file where it is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a scene from a still picture."""
    with open_project(project) as store:
        plate = prepare_media_for(store, image, by_reference=by_reference)
        with store.change("Add scene") as change:
            scene_id = add_scene(store, change, plate, name=name)
        scene = store.scene(scene_id)
        size = f"{scene.plate.probe.width} x {scene.plate.probe.height}"
        present(
            as_json,
            {"scene": scene.name, "id": scene.id, "plate": store.asset_path(scene.plate), "size": size},
            f"Added the scene [bold]{shown(scene.name)}[/bold] ({size} pixels).",
        )


@app.command("list")
def list_scenes(project: ProjectArgument, as_json: JsonOption = False) -> None:
    """List the project's scenes."""
    with open_project(project) as store:
        scenes = store.scenes()
        present(as_json, {"scenes": scenes})
        if not as_json:
            rows = [(scene.name, scene.character_count, scene.take_count) for scene in scenes]
            console().print(table(("scene", "characters", "takes"), rows))


@app.command("set")
def set_scene(
    project: ProjectArgument,
    scene: SceneArgument,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    frames: Annotated[int | None, typer.Option(help="Its length; 0: as long as its clips.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Rename a scene or set its length."""
    if name is None and frames is None:
        raise UserError("Nothing to set.", next_step="Give --name or --frames.")
    if frames is not None and frames < 0:
        raise UserError("A scene cannot have a negative length.", next_step="Give 0 or more frames.")
    with open_project(project) as store:
        record = store.scene_named(scene)
        with store.change("Rename scene" if frames is None else "Set scene length") as change:
            if name is not None:
                change.update_scene(record.id, name=name)
            if frames is not None:
                change.update_scene(record.id, length_frames=frames or None)
        record = store.scene(record.id)
        rate = store.project().frame_rate
        length = scene_length_frames(record, rate)
        present(
            as_json,
            {"scene": record.name, "frames": length},
            f"[bold]{shown(record.name)}[/bold]: {frames_text(length, rate)}.",
        )


@app.command("remove")
def remove(project: ProjectArgument, scene: SceneArgument, as_json: JsonOption = False) -> None:
    """Remove a scene and its takes from the project; no file is deleted."""
    with open_project(project) as store:
        record = store.scene_named(scene)
        store.save_version(f"before removing {record.name}")
        with store.change("Remove scene") as change:
            change.remove_scene(record.id)
        present(
            as_json,
            {"removed": record.name},
            f"Removed the scene {shown(record.name)}. A version from before is kept: masque version list.",
        )
