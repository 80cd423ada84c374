"""`masque info`."""

import asyncio

import typer

from desktop.authoring.frame_rates import frame_rate_text, frames_text
from desktop.authoring.media_import import check_media
from desktop.authoring.project_files import open_project
from desktop.authoring.scenes import scene_length_frames
from desktop.authoring.takes import reconcile_with_engine
from desktop.cli.presenting import JsonOption, ProjectArgument, console, present, shown
from desktop.cli.take_text import made_by
from projects_db.project_store import ProjectStore
from projects_db.records import CharacterRecord, SceneRecord

app = typer.Typer(add_completion=False)


@app.command(help="Show what is in a project.")
def info(project: ProjectArgument, as_json: JsonOption = False) -> None:
    """Show a project's scenes, characters, clips and takes, and which media files are missing."""
    with open_project(project) as store:
        missing = check_media(store)
        asyncio.run(reconcile_with_engine(store))
        record = store.project()
        scenes = [store.scene(scene.id) for scene in store.scenes()]
        answer = {
            "project": record,
            "path": store.path,
            "scenes": [{**_scene_answer(scene, store), "takes": store.takes(scene.id)} for scene in scenes],
            "missing_media": missing,
        }
        present(
            as_json,
            answer,
            f"[bold]{shown(record.name)}[/bold] · {frame_rate_text(record.frame_rate)} frames a second · "
            f"{len(scenes)} scene{'s' if len(scenes) != 1 else ''}",
        )
        if not as_json:
            for scene in scenes:
                _print_scene(store, scene)
            for asset in missing:
                console().print(f"[red]missing[/red] {shown(asset.name)} ({shown(asset.relative_path)})")


def _scene_answer(scene: SceneRecord, store: ProjectStore) -> dict[str, object]:
    return {"scene": scene, "frames": scene_length_frames(scene, store.project().frame_rate)}


def _print_scene(store: ProjectStore, scene: SceneRecord) -> None:
    rate = store.project().frame_rate
    length = frames_text(scene_length_frames(scene, rate), rate)
    takes = store.takes(scene.id)
    console().print(f"\n[bold]{shown(scene.name)}[/bold] · {shown(scene.plate.name)} · {length}")
    for name, prompt in (("prompt", scene.prompt), ("negative prompt", scene.negative_prompt)):
        if prompt:
            console().print(f"  {name}: {shown(prompt)}", soft_wrap=True)
    for character in scene.characters:
        console().print(f"  {shown(character.name)}: {_drivers(store, character)}", soft_wrap=True)
    for take in takes:
        note = f" · {shown(take.error)}" if take.error else ""
        made = shown(made_by(take))
        console().print(
            f"  take {take.number} · {take.status.value} · {made} · seed {take.seed}{note}", soft_wrap=True
        )


def _drivers(store: ProjectStore, character: CharacterRecord) -> str:
    parts = [
        f"{shown(store.asset(clip.asset_id).name)} at {clip.start_frame} ({clip.loop_mode.value})"
        for clip in character.driving_clips
    ]
    parts += [
        f"{shown(store.asset(clip.asset_id).name)} at {clip.start_frame} (voice)"
        for clip in character.voice_clips
    ]
    parts += [f"{curve.channel.value} curve ({len(curve.keys)})" for curve in character.curves]
    return ", ".join(parts) or "nothing drives it yet"
