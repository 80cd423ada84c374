"""`masque scene`."""

from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.frame_rates import frames_text
from desktop.authoring.media_import import prepare_media_for
from desktop.authoring.project_files import open_project
from desktop.authoring.prompts import prompt_text
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
from projects_db.change_fields import SceneFields

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
    prompt: Annotated[
        str | None, typer.Option(help="What diffusion quality should show, in words; empty: none.")
    ] = None,
    negative_prompt: Annotated[
        str | None,
        typer.Option(help="What it should not show; counts where the text guidance is above 1."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rename a scene, set its length or its prompts."""
    changes = _changes(name, frames, prompt, negative_prompt)
    with open_project(project) as store:
        record = store.scene_named(scene)
        with store.change(_change_name(changes)) as change:
            change.update_scene(record.id, **changes)
        record = store.scene(record.id)
        rate = store.project().frame_rate
        length = scene_length_frames(record, rate)
        prompts = {"prompt": record.prompt, "negative_prompt": record.negative_prompt}
        present(
            as_json,
            {"scene": record.name, "frames": length, **prompts},
            f"[bold]{shown(record.name)}[/bold]: {frames_text(length, rate)}.",
            *(f"{name.replace('_', ' ')}: {shown(text)}" for name, text in prompts.items() if text),
        )


def _changes(
    name: str | None, frames: int | None, prompt: str | None, negative_prompt: str | None
) -> SceneFields:
    changes = SceneFields()
    if name is not None:
        changes["name"] = name
    if frames is not None:
        if frames < 0:
            raise UserError("A scene cannot have a negative length.", next_step="Give 0 or more frames.")
        changes["length_frames"] = frames or None
    if prompt is not None:
        changes["prompt"] = prompt_text(prompt)
    if negative_prompt is not None:
        changes["negative_prompt"] = prompt_text(negative_prompt)
    if not changes:
        raise UserError("Nothing to set.", next_step="Give --name, --frames, --prompt or --negative-prompt.")
    return changes


def _change_name(changes: SceneFields) -> str:
    if len(changes) > 1:
        return "Set scene"
    names = {"name": "Rename scene", "length_frames": "Set scene length"}
    return names.get(next(iter(changes)), "Set prompt")


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
