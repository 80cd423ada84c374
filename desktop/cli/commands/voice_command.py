"""`masque voice`."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.characters import character_named
from desktop.authoring.clips import Trim, VoicePlacement, add_voice_clip, placed_media, require_voice
from desktop.authoring.media_import import adopt_media, prepare_media_for
from desktop.authoring.project_files import open_project
from desktop.cli.presenting import JsonOption, NameArgument, ProjectArgument, SceneArgument, present, shown
from desktop.cli.values import parse_seconds

app = typer.Typer(add_completion=False)


@app.command(help="Let a character speak a sound file.")
def voice(
    project: ProjectArgument,
    scene: SceneArgument,
    name: NameArgument,
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="The voice.", show_default=False)],
    in_s: Annotated[str | None, typer.Option("--in", help="First second that is used.")] = None,
    out_s: Annotated[str | None, typer.Option("--out", help="Second at which it ends.")] = None,
    at: Annotated[int, typer.Option("--at", help="Frame of the scene at which it starts.")] = 0,
    gain: Annotated[float, typer.Option(help="Gain in dB.")] = 0.0,
    fade_in: Annotated[str, typer.Option(help="Seconds of fading in.")] = "0",
    fade_out: Annotated[str, typer.Option(help="Seconds of fading out.")] = "0",
    by_reference: Annotated[bool, typer.Option("--by-reference", help="Leave the file where it is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Place a voice on a character's timeline."""
    placement = VoicePlacement(
        trim=Trim(in_s=parse_seconds(in_s), out_s=parse_seconds(out_s)),
        start_frame=at,
        gain_db=gain,
        fade_in_s=parse_seconds(fade_in) or Fraction(0),
        fade_out_s=parse_seconds(fade_out) or Fraction(0),
    )
    with open_project(project) as store:
        record = store.scene_named(scene)
        character = character_named(record, name)
        prepared = prepare_media_for(store, audio, by_reference=by_reference)
        require_voice(prepared)
        with store.change("Add voice") as change:
            media = placed_media(adopt_media(store, change, prepared), prepared)
            clip_id = add_voice_clip(change, character.id, media, placement)
        voices = character_named(store.scene(record.id), name).voice_clips
        placed = next(one for one in voices if one.id == clip_id)
        length_s = float(placed.source_out_s - placed.source_in_s)
        present(
            as_json,
            {"clip": placed, "file": prepared.name},
            f"{shown(name)} speaks [bold]{shown(prepared.name)}[/bold] from frame {placed.start_frame}, "
            f"{length_s:.2f} s.",
        )
