"""`masque new`."""

from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.frame_rates import frame_rate_text, parse_frame_rate
from desktop.authoring.project_files import create_project
from desktop.cli.presenting import JsonOption, present, shown

app = typer.Typer(add_completion=False)


@app.command(help="Make an empty project.")
def new(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="The project file to make.")],
    fps: Annotated[str, typer.Option(help="Frame rate, such as 24, 23.976 or 30000/1001.")] = "24",
    as_json: JsonOption = False,
) -> None:
    """Make an empty project file."""
    with create_project(project, frame_rate=parse_frame_rate(fps)) as store:
        made = store.project()
        present(
            as_json,
            {"project": store.path, "id": made.id, "name": made.name, "frame_rate": made.frame_rate},
            f"Made [bold]{shown(store.path)}[/bold] at {frame_rate_text(made.frame_rate)} frames a second.",
        )
