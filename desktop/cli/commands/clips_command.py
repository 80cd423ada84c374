"""`masque clips`."""

from typing import Annotated

import typer

from desktop.authoring.characters import character_named
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
from engine.protocol.errors import ErrorCode, UserError
from projects_db.project_store import ProjectStore
from projects_db.records import CharacterRecord, DrivingClipRecord, VoiceClipRecord

app = typer.Typer(
    help="List and remove the clips and voices of a character.", no_args_is_help=True, add_completion=False
)


@app.command("list")
def list_clips(
    project: ProjectArgument, scene: SceneArgument, name: NameArgument, as_json: JsonOption = False
) -> None:
    """List a character's clips and voices in the order they start."""
    with open_project(project) as store:
        clips = _in_order(character_named(store.scene_named(scene), name))
        names = [store.asset(clip.asset_id).name for clip in clips]
    listed = [
        {"number": n, "file": file, "clip": clip}
        for n, (file, clip) in enumerate(zip(names, clips, strict=True), 1)
    ]
    present(as_json, {"clips": listed})
    if not as_json:
        rows = [(n, file, *_place(clip)) for n, (file, clip) in enumerate(zip(names, clips, strict=True), 1)]
        console().print(table(("clip", "file", "kind", "from frame", "in", "out"), rows))


@app.command("remove")
def remove(
    project: ProjectArgument,
    scene: SceneArgument,
    name: NameArgument,
    number: Annotated[int, typer.Argument(help="The clip's number in the list.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Remove a clip or a voice from a character's timeline; its file stays."""
    with open_project(project) as store:
        clips = _in_order(character_named(store.scene_named(scene), name))
        if not 1 <= number <= len(clips):
            raise UserError(
                f"{name} has no clip {number}.",
                next_step="List them with masque clips list PROJECT SCENE NAME.",
                code=ErrorCode.NOT_FOUND,
            )
        file = _remove(store, clips[number - 1])
    present(as_json, {"removed": file}, f"Removed {shown(file)} from {shown(name)}.")


def _in_order(character: CharacterRecord) -> list[DrivingClipRecord | VoiceClipRecord]:
    clips: list[DrivingClipRecord | VoiceClipRecord] = [*character.driving_clips, *character.voice_clips]
    return sorted(clips, key=lambda clip: (clip.start_frame, clip.id))


def _place(clip: DrivingClipRecord | VoiceClipRecord) -> tuple[object, ...]:
    kind = "voice" if isinstance(clip, VoiceClipRecord) else f"clip, {clip.loop_mode.value}"
    return kind, clip.start_frame, f"{float(clip.source_in_s):.2f} s", f"{float(clip.source_out_s):.2f} s"


def _remove(store: ProjectStore, clip: DrivingClipRecord | VoiceClipRecord) -> str:
    name = store.asset(clip.asset_id).name
    if isinstance(clip, VoiceClipRecord):
        with store.change("Remove voice") as change:
            change.remove_voice_clip(clip.id)
    else:
        with store.change("Remove driving clip") as change:
            change.remove_driving_clip(clip.id)
    return name
