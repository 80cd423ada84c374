"""`masque window`."""

from pathlib import Path
from typing import Annotated

import typer

from desktop.cli.window_start import run_window

app = typer.Typer(add_completion=False)


@app.command(help="Open the window.")
def window(
    project: Annotated[Path | None, typer.Argument(metavar="[PROJECT]", help="The project to open.")] = None,
) -> None:
    """Open the window, with a project if one is named."""
    raise typer.Exit(run_window(project))
