"""`masque version`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.project_files import open_project, with_suffix
from desktop.cli.presenting import JsonOption, ProjectArgument, console, present, shown, table
from projects_db.records import SnapshotRecord

app = typer.Typer(
    help="Save, list and restore versions of a project.", no_args_is_help=True, add_completion=False
)


@app.command()
def save(
    project: ProjectArgument, name: Annotated[str, typer.Argument()], as_json: JsonOption = False
) -> None:
    """Save a named version beside the project."""
    with open_project(project) as store:
        saved = store.save_version(name)
    present(as_json, saved, f"Saved the version [bold]{shown(saved.name)}[/bold].")


@app.command("list")
def list_versions(project: ProjectArgument, as_json: JsonOption = False) -> None:
    """List the versions, newest first."""
    with open_project(project) as store:
        versions = store.versions()
    present(as_json, {"versions": versions})
    if not as_json:
        rows = [
            (v.name, v.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"), v.file_name) for v in versions
        ]
        console().print(table(("version", "saved", "file"), rows))


@app.command()
def restore(
    project: ProjectArgument,
    version: Annotated[str, typer.Argument(help="The version's name or file name, as in the list.")],
    to: Annotated[Path, typer.Argument(metavar="NEW_PROJECT", help="A new file; the project stays.")],
    as_json: JsonOption = False,
) -> None:
    """Bring a version back as a new project file beside the present one."""
    with open_project(project) as store:
        target = with_suffix(to)
        store.restore_version(_file_name(store.versions(), version), to=target)
    present(as_json, {"project": target}, f"Restored to [bold]{shown(target)}[/bold].")


def _file_name(versions: Sequence[SnapshotRecord], text: str) -> str:
    """Return the file of the newest version of that name; another text is taken for a file name."""
    return next((version.file_name for version in versions if version.name == text), text)
