"""`masque drive`."""

from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.characters import character_named
from desktop.authoring.clips import (
    DrivingPlacement,
    Trim,
    add_driving_clip,
    placed_media,
    require_driver,
)
from desktop.authoring.driver_faces import missing_face
from desktop.authoring.frame_rates import frames_text
from desktop.authoring.media_import import adopt_media, prepare_media_for
from desktop.authoring.project_files import open_project
from desktop.authoring.scenes import scene_length_frames
from desktop.cli.presenting import JsonOption, NameArgument, ProjectArgument, SceneArgument, present, shown
from desktop.cli.values import parse_loop_mode, parse_seconds, parse_speed
from projects_db.records import LoopMode

app = typer.Typer(add_completion=False)

InOption = Annotated[str | None, typer.Option("--in", help="First second of the clip that is used.")]
OutOption = Annotated[str | None, typer.Option("--out", help="Second at which the clip ends.")]
AtOption = Annotated[int, typer.Option("--at", help="Frame of the scene at which it starts.")]


@app.command(help="Let a video drive a character.")
def drive(
    project: ProjectArgument,
    scene: SceneArgument,
    name: NameArgument,
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="The driving video.", show_default=False)],
    in_s: InOption = None,
    out_s: OutOption = None,
    at: AtOption = 0,
    length: Annotated[int | None, typer.Option(help="Frames on the timeline; else by itself.")] = None,
    speed: Annotated[str, typer.Option(help="0.1 to 10; 2 is twice as fast.")] = "1",
    loop: Annotated[str, typer.Option(help="once, hold, loop or ping-pong.")] = LoopMode.ONCE.value,
    face: Annotated[int, typer.Option(help="Which face of the video drives, from 1 at the left.")] = 1,
    neutral: Annotated[str | None, typer.Option(help="Second of the neutral face; else found.")] = None,
    keep_sound: Annotated[bool, typer.Option("--keep-sound", help="Use the clip's own sound.")] = False,
    by_reference: Annotated[bool, typer.Option("--by-reference", help="Leave the file where it is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Place a driving clip on a character's timeline."""
    placement = DrivingPlacement(
        trim=Trim(in_s=parse_seconds(in_s), out_s=parse_seconds(out_s)),
        start_frame=at,
        length_frames=length,
        speed=parse_speed(speed),
        loop_mode=parse_loop_mode(loop),
        face_number=face,
        neutral_s=parse_seconds(neutral),
        keep_sound=keep_sound,
    )
    with open_project(project) as store:
        record = store.scene_named(scene)
        character = character_named(record, name)
        prepared = prepare_media_for(store, clip, by_reference=by_reference)
        require_driver(prepared)
        rate = store.project().frame_rate
        with store.change("Add driving clip") as change:
            clip_id = add_driving_clip(
                change,
                character.id,
                placed_media(adopt_media(store, change, prepared), prepared),
                placement,
                frame_rate=rate,
                fill_to_frame=scene_length_frames(record, rate),
            )
        clips = character_named(store.scene(record.id), name).driving_clips
        placed = next(one for one in clips if one.id == clip_id)
        warning = missing_face(prepared.file_path, placement)
        present(
            as_json,
            {"clip": placed, "file": prepared.name, "warning": warning},
            f"[bold]{shown(prepared.name)}[/bold] drives {shown(name)} from frame {placed.start_frame} "
            f"for {frames_text(placed.length_frames, rate)}.",
            *([f"[yellow]note[/yellow] {shown(warning)}"] if warning else []),
        )
