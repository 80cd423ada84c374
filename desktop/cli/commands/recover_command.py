"""`masque recover`."""

import typer

from desktop.cli.presenting import JsonOption, ProjectArgument, present, shown
from projects_db.recovery import recover_project

app = typer.Typer(add_completion=False)


@app.command(help="Bring back a damaged project from its newest good version.")
def recover(project: ProjectArgument, as_json: JsonOption = False) -> None:
    """Put the newest good version in the place of a damaged project; the damaged file is kept."""
    version = recover_project(project.expanduser().absolute())
    present(
        as_json,
        {"project": project.expanduser().absolute(), "version": version},
        f"“{shown(project.name)}” is back as of the version “{shown(version.name)}”.",
        "The damaged file is kept beside it.",
    )
