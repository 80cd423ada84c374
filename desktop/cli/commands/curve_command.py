"""`masque curve`."""

from typing import Annotated

import typer

from desktop.authoring.characters import character_named
from desktop.authoring.curves import parse_channel, parse_curve
from desktop.authoring.project_files import open_project
from desktop.cli.presenting import JsonOption, NameArgument, ProjectArgument, SceneArgument, present, shown
from engine.protocol.errors import UserError

app = typer.Typer(add_completion=False)


@app.command(help="Set, show or clear an intensity curve.")
def curve(
    project: ProjectArgument,
    scene: SceneArgument,
    name: NameArgument,
    channel: Annotated[
        str, typer.Argument(help="expression, head, eyes, mouth, emotion, voice or body_motion.")
    ],
    keys: Annotated[list[str] | None, typer.Argument(help="frame:value[:hold|linear|bezier] ...")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the curve.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Replace a character's curve of one channel; without keys show it, with --clear remove it."""
    chosen, parsed = parse_channel(channel), parse_curve(keys or [])
    if clear and parsed:
        raise UserError("A curve is set or removed.", next_step="Give keys or --clear, not both.")
    with open_project(project) as store:
        character = character_named(store.scene_named(scene), name)
        if parsed or clear:
            with store.change("Set curve" if parsed else "Remove curve") as change:
                change.set_curve(character.id, chosen, parsed)
        else:
            parsed = next((one.keys for one in character.curves if one.channel is chosen), ())
    told = ", ".join(f"{key.frame}:{key.value:g}:{key.interpolation.value}" for key in parsed)
    present(
        as_json,
        {"character": name, "channel": chosen, "keys": parsed},
        f"{shown(name)}, {chosen.value}: {told or 'no keys; neutral'}.",
    )
