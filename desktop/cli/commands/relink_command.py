"""`masque relink`."""

from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.media_import import check_media, relink_media
from desktop.authoring.project_files import open_project
from desktop.cli.presenting import JsonOption, ProjectArgument, present, shown

app = typer.Typer(add_completion=False)


@app.command(help="Find media files that have moved.")
def relink(
    project: ProjectArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to look.")],
    as_json: JsonOption = False,
) -> None:
    """Find missing media by content below a folder."""
    with open_project(project) as store:
        found = relink_media(store, folder)
        missing = check_media(store)
    lines = [f"found {shown(asset.name)}: {shown(asset.relative_path)}" for asset in found]
    lines += [f"[red]still missing[/red] {shown(asset.name)}" for asset in missing]
    present(
        as_json, {"found": found, "missing": missing}, *(lines or ["Every media file is where it should be."])
    )
