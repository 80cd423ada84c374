"""`masque render`."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.diffusion_settings import DiffusionChoice
from desktop.authoring.project_files import open_project
from desktop.authoring.render_requests import (
    RenderSettings,
    check_scenes,
    parse_size,
    settings_of_takes,
)
from desktop.authoring.takes import queue_take, reconcile_takes
from desktop.cli.diffusion_options import with_diffusion_options
from desktop.cli.failures import ExitCode
from desktop.cli.job_text import job_line
from desktop.cli.presenting import JsonOption, ProjectArgument, present
from desktop.cli.watching import JobBars, watch_jobs
from engine.client import EngineClient
from engine.protocol.errors import UserError
from engine.protocol.jobs import JobState, JobView
from projects_db.project_store import ProjectStore

app = typer.Typer(add_completion=False)


@app.command(help="Render scenes through the engine.")
@with_diffusion_options
def render(
    project: ProjectArgument,
    scene: Annotated[list[str] | None, typer.Option(help="A scene; again for more. Else all.")] = None,
    quality: Annotated[str, typer.Option(help="draft, or diffusion with a model bundle.")] = "draft",
    frames: Annotated[int | None, typer.Option(help="Length; else the scene's.")] = None,
    size: Annotated[
        str | None,
        typer.Option(help="WxH in pixels; else the plate's shape, at most 1280 wide or high in a draft."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another take.")] = 0,
    takes: Annotated[int, typer.Option(help="How many takes of each scene, one seed after the other.")] = 1,
    output: Annotated[Path | None, typer.Option(help="Folder for the takes; else the project's.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Queue and return at once.")] = False,
    as_json: JsonOption = False,
    *,
    diffusion: DiffusionChoice,
) -> None:
    """Queue takes of each scene and wait for them; with --detach the engine goes on alone."""
    settings = RenderSettings(
        quality=quality,
        frame_count=frames,
        size=None if size is None else parse_size(size),
        seed=seed,
        output_directory=output,
        diffusion=diffusion,
    )
    _render(project, scene, settings_of_takes(settings, takes), detach=detach, as_json=as_json)


def _render(
    project: Path,
    names: list[str] | None,
    settings: Sequence[RenderSettings],
    *,
    detach: bool,
    as_json: bool,
) -> None:
    with open_project(project) as store:
        scene_ids = _chosen_scenes(store, names)
        notes = check_scenes(store, scene_ids, settings[0])
        if not as_json:
            sys.stderr.writelines(f"note: {note}\n" for note in notes)
        try:
            jobs = asyncio.run(render_scenes(store, scene_ids, settings, detach=detach, quiet=as_json))
        except KeyboardInterrupt:
            sys.stderr.write("The render goes on in the engine. Look with masque queue list.\n")
            raise
        present(as_json, {"jobs": jobs, "notes": notes}, *(job_line(job) for job in jobs))
    if any(job.state in (JobState.FAILED, JobState.CANCELLED) for job in jobs):
        sys.exit(ExitCode.RENDER_FAILED)


async def render_scenes(
    store: ProjectStore,
    scene_ids: Sequence[str],
    settings: Sequence[RenderSettings],
    *,
    detach: bool,
    quiet: bool,
) -> tuple[JobView, ...]:
    """Queue a take of each scene for each of the settings; unless detached, wait and take the results in.

    Raises UserError when a scene cannot be rendered or the engine cannot be reached.
    """
    async with EngineClient.connect(start=True) as client:
        jobs = tuple(
            [await queue_take(store, client, scene_id, one) for scene_id in scene_ids for one in settings]
        )
        if not detach:
            jobs = await watch_jobs(client, jobs, JobBars(quiet=quiet))
            reconcile_takes(store, jobs)
    return jobs


def _chosen_scenes(store: ProjectStore, names: list[str] | None) -> list[str]:
    if names:
        return [store.scene_named(name).id for name in names]
    scenes = [scene.id for scene in store.scenes()]
    if not scenes:
        raise UserError(
            f"“{store.path.name}” has no scenes.", next_step="Add one: masque scene add PROJECT IMAGE."
        )
    return scenes
