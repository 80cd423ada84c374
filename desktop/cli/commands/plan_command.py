"""`masque plan`."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from desktop.authoring.diffusion_settings import ADD_A_BUNDLE, DiffusionChoice
from desktop.authoring.machine_knowledge import known_machine
from desktop.authoring.memory_plans import (
    Planned,
    PlanQuestion,
    Verdict,
    answer,
    plan_question,
    with_memory,
)
from desktop.authoring.project_files import open_project
from desktop.authoring.render_requests import RenderSettings, parse_size
from desktop.authoring.running_render import (
    A_RENDER_RUNS,
    ANOTHER_LIMIT,
    SeenMachine,
    running_engine,
    seen_machine,
)
from desktop.cli.diffusion_options import with_diffusion_options
from desktop.cli.failures import ExitCode
from desktop.cli.plan_text import (
    IN_EXACT_TERMS,
    NOT_COUNTED,
    WHERE_TO_LOOK,
    answer_of,
    full_plan,
    machine_line,
    next_steps,
    overview,
)
from desktop.cli.presenting import JsonOption, ProjectArgument, console, present, shown
from engine.bundles.registry import installed_bundles
from engine.client import engine_directories
from engine.planning.memory_limit import memory_size
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.render_request import RendererName
from projects_db.project_store import ProjectStore
from projects_db.records import SceneRecord

app = typer.Typer(add_completion=False)
Unplanned = tuple[str, ErrorReport]


@app.command(help="Show whether a render fits this machine, and how it would use its memory.")
@with_diffusion_options
def plan(
    project: ProjectArgument,
    scene: Annotated[list[str] | None, typer.Option(help="A scene; again for more. Else all.")] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Tell all of every scene's plan, in the terms of the model.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(help="Plan as if so much of the card were free, such as 12GB.", metavar="SIZE"),
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Length; else the scene's.")] = None,
    size: Annotated[str | None, typer.Option(help="WxH in pixels; else the plate's shape.")] = None,
    as_json: JsonOption = False,
    *,
    diffusion: DiffusionChoice,
) -> None:
    """Plan each scene in diffusion quality. Nothing is queued, and the engine need not run."""
    settings = RenderSettings(
        quality=RendererName.DIFFUSION.value,
        frame_count=frames,
        size=None if size is None else parse_size(size),
        diffusion=diffusion,
    )
    budget_bytes = None if budget is None else _budget(budget)
    _require_a_bundle()
    questions, unplanned = _questions(project, scene, settings)
    seen = _machine(budget_bytes, quiet=as_json) if questions else None
    planned = [] if seen is None else _answers(questions, seen, unplanned)
    if as_json:
        present(True, _answer(seen, planned, unplanned))
    else:
        in_full = details or bool(scene) or len(planned) + len(unplanned) == 1
        _print(seen, planned, unplanned, in_full=in_full, exact=details, supposed=budget is not None)
    if unplanned:
        raise typer.Exit(ExitCode.USER_ERROR)
    if any(one.verdict is Verdict.DOES_NOT_FIT for one in planned):
        raise typer.Exit(ExitCode.DOES_NOT_FIT)


def _budget(text: str) -> int:
    try:
        return memory_size(text)
    except UserError as error:
        raise UserError(
            f"--budget: {error.report.message}", next_step="Write a number and its unit, such as 12GB."
        ) from error


def _require_a_bundle() -> None:
    if not installed_bundles(engine_directories()[0]):
        raise UserError(
            "No model bundle is installed, and drafts need no plan.",
            next_step=ADD_A_BUNDLE,
            code=ErrorCode.RENDERER_UNAVAILABLE,
        )


def _questions(
    project: Path, names: list[str] | None, settings: RenderSettings
) -> tuple[list[PlanQuestion], list[Unplanned]]:
    """Return what is to be planned, and the scenes that cannot be rendered, each with its reason.

    Raises UserError where there is only one scene, and it cannot be rendered.
    """
    questions: list[PlanQuestion] = []
    unplanned: list[Unplanned] = []
    with open_project(project) as store:
        scenes = _chosen_scenes(store, names)
        for one in scenes:
            try:
                questions.append(plan_question(store, one, settings))
            except UserError as error:
                if len(scenes) == 1:
                    raise
                unplanned.append((one.name, error.report))
    return questions, unplanned


def _answers(
    questions: Sequence[PlanQuestion], seen: SeenMachine, unplanned: list[Unplanned]
) -> list[Planned]:
    """Return the plans; what cannot be planned joins the unplanned. Raises UserError where it is alone."""
    planned: list[Planned] = []
    for question in questions:
        try:
            planned.append(replace(answer(question, seen.machine), render_runs=seen.render_runs))
        except UserError as error:
            if len(questions) + len(unplanned) == 1:
                raise
            unplanned.append((question.request.scene_name, error.report))
    return planned


def _chosen_scenes(store: ProjectStore, names: list[str] | None) -> list[SceneRecord]:
    if names:
        return [store.scene_named(name) for name in names]
    scenes = [store.scene(scene.id) for scene in store.scenes()]
    if not scenes:
        raise UserError(
            f"“{store.path.name}” has no scenes.", next_step="Add one: masque scene add PROJECT IMAGE."
        )
    return scenes


def _machine(budget_bytes: int | None, *, quiet: bool) -> SeenMachine:
    waiting = Console(stderr=True, quiet=quiet)
    with waiting.status("Looking at this machine") if waiting.is_terminal else nullcontext():
        seen = seen_machine(known_machine(), asyncio.run(running_engine()))
    if budget_bytes is None:
        return seen
    return replace(seen, machine=with_memory(seen.machine, budget_bytes))


def _answer(
    seen: SeenMachine | None, planned: Sequence[Planned], unplanned: Iterable[Unplanned]
) -> dict[str, object]:
    return {
        "device": None if seen is None else seen.machine.identity.device,
        "memory": None if seen is None else seen.machine.now,
        "render_runs": seen is not None and seen.render_runs,
        "scenes": [
            *(answer_of(one) for one in planned),
            *({"scene": name, "verdict": "cannot_be_rendered", "error": why} for name, why in unplanned),
        ],
    }


def _notes(seen: SeenMachine, *, supposed: bool) -> tuple[str, ...]:
    another_limit = seen.another_limit and not supposed
    return (*([A_RENDER_RUNS] if seen.render_runs else ()), *([ANOTHER_LIMIT] if another_limit else ()))


def _print(
    seen: SeenMachine | None,
    planned: Sequence[Planned],
    unplanned: Sequence[Unplanned],
    *,
    in_full: bool,
    exact: bool,
    supposed: bool,
) -> None:
    out = console()
    if seen is not None:
        out.print(shown(machine_line(seen, supposed=supposed)), soft_wrap=True)
        for note in _notes(seen, supposed=supposed):
            out.print(f"[yellow]note[/yellow] {note}", soft_wrap=True)
    if len(planned) + len(unplanned) > 1:
        out.print(overview(planned, unplanned))
        if not in_full:
            out.print(next_steps(planned))
    if in_full:
        for one in planned:
            out.print()
            for part in full_plan(one, exact=exact):
                out.print(part)
    if any(one.plan is not None for one in planned):
        more = [IN_EXACT_TERMS] if in_full and not exact else []
        out.print("[dim]{}[/dim]".format("\n".join([NOT_COUNTED, *more, WHERE_TO_LOOK])))
    for name, why in unplanned:
        sys.stderr.write(f"{name}: {why.sentence()}\n")
