"""`masque machine`."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console

from desktop.authoring.graphics_card import card_facts, why_unused
from desktop.authoring.machine_knowledge import known_machine
from desktop.authoring.running_render import ANOTHER_LIMIT, SeenMachine, running_engine, with_limit_of
from desktop.cli.failures import ExitCode
from desktop.cli.machine_text import machine_parts
from desktop.cli.presenting import JsonOption, console, present
from engine.client import engine_directories
from engine.planning.lesson import Lessons
from engine.planning.lessons import forget_lessons, known_lessons
from engine.planning.machine import Machine
from engine.planning.machine_store import stored_rates
from engine.planning.machine_text import machine_to_json

app = typer.Typer(add_completion=False)
A_RENDER_RUNS = "A render is running: what it holds counts as used by other programs."
TOO_LOW = "What was measured beside it is too low, and is not kept."


@app.command(help="Show what Masque knows of this machine, measure it anew, forget what it learnt.")
def machine(
    measure: Annotated[bool, typer.Option("--measure", help="Measure its speed anew.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget which renders ran out of memory here.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the device, its memory, its measured speed, and what was learnt. The engine need not run."""
    data = engine_directories()[0]
    forgotten = forget_lessons(data) if forget else None
    if forgotten is not None and not measure:
        present(as_json, {"forgotten": forgotten}, forgotten_words(forgotten))
        return
    lessons = known_lessons(data)
    engine = asyncio.run(running_engine())
    is_running = engine is not None and engine.render is not None
    seen = with_limit_of(engine, _looked_at(measure=measure, keep=not is_running, quiet=as_json))
    found = seen.machine
    kept = stored_rates(data, found.identity) == found.rates
    unused = why_unused(card_facts()) if found.identity.is_processor else None
    answer = {
        **machine_to_json(found),
        "render_runs": is_running,
        "engine_runs": seen.engine_runs,
        "rates_are_kept": kept,
        "card_is_unused": unused,
        "lessons": lessons,
        "forgotten": forgotten,
    }
    notes = [A_RENDER_RUNS] if is_running else []
    notes += [ANOTHER_LIMIT] if seen.another_limit else []
    notes += [] if kept else [_why_not_kept(is_running)]
    notes += [] if unused is None else [unused]
    if as_json:
        present(True, answer)
    else:
        _print(seen, _of_this_host(lessons, found), forgotten, notes)
    if measure and not kept and not is_running:
        raise typer.Exit(ExitCode.USER_ERROR)


def forgotten_words(count: int) -> str:
    """Return how many lessons were forgotten."""
    if not count:
        return "There was nothing to forget: no render ran out of memory here."
    what = "What 1 render" if count == 1 else f"What {count} renders"
    return f"{what} taught is forgotten. The next one alike begins without it."


def _looked_at(*, measure: bool, keep: bool, quiet: bool) -> Machine:
    waiting = Console(stderr=True, quiet=quiet)
    told = "Measuring this machine" if measure else "Looking at this machine"
    with waiting.status(told) if waiting.is_terminal else nullcontext():
        return known_machine(measure=measure, keep=keep)


def _why_not_kept(is_running: bool) -> str:
    if is_running:
        return TOO_LOW
    folder = engine_directories()[0]
    return f"What was measured could not be stored in {folder}. Allow writing there; the disk may be full."


def _of_this_host(lessons: Lessons, found: Machine) -> Lessons:
    """Return the lessons that can hold: those of another host memory are of another machine."""
    total = found.now.host_total_bytes
    return replace(lessons, of_host=tuple(one for one in lessons.of_host if one.is_of_host(total)))


def _print(seen: SeenMachine, lessons: Lessons, forgotten: int | None, notes: list[str]) -> None:
    out = console()
    if forgotten is not None:
        out.print(forgotten_words(forgotten))
    for part in machine_parts(seen, lessons):
        out.print(part)
    for note in notes:
        out.print(f"[yellow]note[/yellow] {note}", soft_wrap=True)
