"""`masque demo`."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.demo_project import make_demo_project
from desktop.authoring.render_requests import RenderSettings
from desktop.cli.commands.export_command import export_answer, export_with_progress, exported_lines
from desktop.cli.commands.render_command import render_scenes
from desktop.cli.failures import ExitCode
from desktop.cli.job_text import job_line
from desktop.cli.presenting import JsonOption, console, present, shown
from desktop.interchange.project_export import ExportSettings
from engine.protocol.jobs import JobState

app = typer.Typer(add_completion=False)


@app.command(help="Make, render and export a sample project.")
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the project.")] = Path("masque-demo"),
    frames: Annotated[int | None, typer.Option(min=1, help="Length of the take; else the scene's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a project from Masque's own samples, render it through the engine and export it."""
    started = time.monotonic()
    folder = _free_folder(output.expanduser().absolute())
    with make_demo_project(folder / "demo.masque") as store:
        if not as_json:
            console().print(
                f"Made [bold]{shown(store.path)}[/bold]: two characters, a clip, a voice, curves."
            )
        scene_ids = [scene.id for scene in store.scenes()]
        settings = RenderSettings(frame_count=frames)
        jobs = asyncio.run(render_scenes(store, scene_ids, [settings], detach=False, quiet=as_json))
        if any(job.state is not JobState.DONE for job in jobs):
            present(as_json, {"jobs": jobs}, *(job_line(job) for job in jobs))
            sys.exit(ExitCode.RENDER_FAILED)
        exported = export_with_progress(store, folder / "export", ExportSettings(), quiet=as_json)
        seconds = time.monotonic() - started
        present(
            as_json,
            {"project": store.path, "jobs": jobs, **export_answer(exported), "seconds": round(seconds, 1)},
            *(job_line(job) for job in jobs),
            *exported_lines(exported),
            f"Done in {seconds:.1f} s. Open it with: masque window {shown(store.path)}",
        )


def _free_folder(wanted: Path) -> Path:
    """Return `wanted`, or a numbered one beside it when it holds a demo already."""
    folder, number = wanted, 2
    while (folder / "demo.masque").exists() or (folder / "export").exists():
        folder = wanted.with_name(f"{wanted.name}-{number}")
        number += 1
    return folder
