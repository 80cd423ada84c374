"""`masque export`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from desktop.authoring.project_files import open_project
from desktop.authoring.takes import reconcile_with_engine
from desktop.cli.commands.takes_command import chosen_take
from desktop.cli.presenting import JsonOption, ProjectArgument, present, shown
from desktop.interchange.project_export import (
    ExportedProject,
    ExportProgress,
    ExportSettings,
    TimelineFormat,
    export_project,
)
from engine.media.video_writer import MovieFormat
from projects_db.project_store import ProjectStore

app = typer.Typer(add_completion=False)


@app.command(help="Export takes for an editing tool.")
def export(
    project: ProjectArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The delivery folder.", show_default=False)],
    take: Annotated[
        list[str] | None,
        typer.Option(help="SCENE/NUMBER or a take's id; again for more. Else the best of each."),
    ] = None,
    video: Annotated[MovieFormat, typer.Option(help="What the picture becomes.")] = MovieFormat.PRORES_422_HQ,
    timeline: Annotated[TimelineFormat, typer.Option(help="The edit's format.")] = TimelineFormat.OTIO,
    stems: Annotated[bool, typer.Option(help="Also write each character's sound.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of the same name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write takes as movies or sequences with stems, a shot list and an edit, whole or not at all."""
    with open_project(project) as store:
        asyncio.run(reconcile_with_engine(store))
        settings = ExportSettings(
            takes=tuple(_take_id(store, text) for text in take or ()),
            movie_format=video,
            timeline=timeline,
            stems=stems,
            overwrite=overwrite,
        )
        exported = export_with_progress(store, folder.expanduser(), settings, quiet=as_json)
    present(as_json, export_answer(exported), *exported_lines(exported))


def export_with_progress(
    store: ProjectStore, folder: Path, settings: ExportSettings, *, quiet: bool
) -> ExportedProject:
    """Export with a progress bar on the error stream when a person looks. Raises as `export_project`."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        return export_project(store, folder, settings)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Exporting", total=None)

        def show(state: ExportProgress) -> None:
            progress.update(
                bar, description=state.shot.title, completed=state.frames_done, total=state.frame_count
            )

        return export_project(store, folder, settings, on_progress=show)


def export_answer(exported: ExportedProject) -> dict[str, object]:
    """Return what a script reads of an export."""
    return {"folder": exported.folder, "files": exported.files, "warnings": exported.warnings}


def exported_lines(exported: ExportedProject) -> list[str]:
    """Return what a person reads of an export."""
    lines = [f"Exported to [bold]{shown(exported.folder)}[/bold]:"]
    lines += [f"  {shown(path.name)}" for path in exported.files]
    return lines + [f"  note: {shown(warning)}" for warning in exported.warnings]


def _take_id(store: ProjectStore, text: str) -> str:
    scene, slash, number = text.rpartition("/")
    if not slash or not number.isdigit():
        return text
    return chosen_take(store, store.scene_named(scene).id, int(number)).id
