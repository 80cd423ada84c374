"""What Masque knows of this machine, in words for people."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import RenderableType
from rich.table import Table

from desktop.authoring.memory_words import PROCESSOR, size_words
from desktop.authoring.running_render import SeenMachine
from desktop.cli.plan_text import UNKNOWN, limit_words
from desktop.cli.presenting import shown, table
from engine.planning.latent_grid import LATENT_PIXELS
from engine.planning.lesson import HostLesson, Lesson, Lessons
from engine.planning.machine import MachineRates
from engine.planning.step_down import NextStep
from engine.protocol.memory_plan import Concession, EncoderPlace

_BEGINS_WITH = {
    Concession.SMALLER_PIECES: "fewer tokens at a time",
    Concession.FEWER_RESIDENT_BLOCKS: "half as many blocks in place",
    Concession.NO_RESIDENT_BLOCKS: "no block in place",
    Concession.BANK_ON_HOST: "no block in place, keys and values brought block by block",
    Concession.SMALLER_TILES: "no block in place, tiles half as wide",
    Concession.NARROW_TOKENS: "no block in place, tokens in the narrow number format",
    Concession.EIGHT_BIT_WEIGHTS: "no block in place, weights in 8 bits",
    Concession.SHORTER_SEGMENTS: "weights in 8 bits, segments half as long",
    Concession.SHORTEST_SEGMENTS: "weights in 8 bits, the shortest segments",
}
_ENCODERS = {
    EncoderPlace.STREAMED: "encoders layer by layer",
    EncoderPlace.PROCESSOR: "encoders on the processor",
}


def machine_parts(seen: SeenMachine, lessons: Lessons) -> tuple[RenderableType, ...]:
    """Return everything known of a machine, to be printed one below the other."""
    machine = seen.machine
    identity = machine.identity
    name = "This computer's processor" if identity.is_processor else identity.device
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", min_width=15)
    made.add_column(overflow="fold")
    for row_name, text in _rows(seen):
        made.add_row(f"  {row_name}", shown(text))
    made.add_row("  learnt", _learnt_words(lessons))
    heading = f"[bold]{shown(name)}[/bold]  [dim]{shown(identity.software)}[/dim]"
    if not lessons.count:
        return heading, made
    return heading, made, table(("  when", "ran out of memory", "with", "begins with now"), _learnt(lessons))


def _rows(seen: SeenMachine) -> Iterator[tuple[str, str]]:
    machine = seen.machine
    now, rates = machine.now, machine.rates
    yield (
        "memory",
        f"{size_words(now.device_total_bytes)}, {size_words(now.device_free_bytes)} free, "
        f"{size_words(now.others_bytes)} used by other programs",
    )
    yield "limit", limit_words(seen).removeprefix("limit ")
    if not machine.identity.is_processor:
        host = f"{size_words(now.host_total_bytes)}, {size_words(now.host_free_bytes)} free"
        locked = "none can" if not rates.pinnable_bytes else f"{size_words(rates.pinnable_bytes)} may"
        yield "computer", f"{host}; {locked} be locked for quick transfer"
        pinned = f"{_speed(rates.pinned_bytes_per_s)} from locked memory, " if rates.pinnable_bytes else ""
        yield "to the card", f"{pinned}{_speed(rates.pageable_bytes_per_s)} from other memory"
    else:
        yield "copies", f"{_speed(rates.pageable_bytes_per_s)} in memory"
    yield "from the disk", f"{_speed(rates.disk_bytes_per_s)}, where Masque keeps its cache"
    if now.disk_free_bytes is not None:
        yield "disk", f"{size_words(now.disk_free_bytes)} free there"
    for number, line in enumerate(_arithmetic(rates)):
        yield "" if number else "arithmetic", line
    yield "8-bit numbers", "possible" if rates.has_eight_bit else "not possible"
    yield "measured", measured_words(rates)


def measured_words(rates: MachineRates) -> str:
    """Return when rates were measured, and how busy the machine was."""
    if rates.measured_at is None or rates.others_share is None:
        return f"{UNKNOWN} when"
    busy = f"other programs used {100 * rates.others_share:.0f} % of the processor"
    told = f"{_moment(rates.measured_at)}; {busy}"
    return f"{told}: too low; measured again when it is quiet" if rates.of_busy_machine else told


def _arithmetic(rates: MachineRates) -> Iterator[str]:
    for precision, products in rates.product_flop_per_s.items():
        attention = rates.attention_flop_per_s.get(precision)
        beside = UNKNOWN if attention is None else _flop(attention)
        yield f"{precision.value}: products {_flop(products)}, attention {beside}"


def _learnt_words(lessons: Lessons) -> str:
    if not lessons.count:
        return "nothing: no render ran out of memory here"
    renders = "1 render" if lessons.count == 1 else f"{lessons.count} renders"
    return f"{renders} ran out of memory here; such a one, or a larger, begins with less now"


def _learnt(lessons: Lessons) -> list[tuple[str, ...]]:
    return [
        *(
            (f"  {_moment(one.learnt_at)}", _render(one), _memory(one), step_words(one.step))
            for one in lessons.of_device
        ),
        *(
            (
                f"  {_moment(one.learnt_at)}",
                _render(one),
                f"{size_words(one.free_bytes)} free on the computer",
                f"{100 * one.share:.0f} % of what is free",
            )
            for one in lessons.of_host
        ),
    ]


def _render(lesson: Lesson | HostLesson) -> str:
    demand = lesson.demand
    return lesson.render or f"{demand.pass_tokens:,} tokens in {demand.branches} branches"


def _memory(lesson: Lesson) -> str:
    place = "memory" if lesson.device == PROCESSOR else lesson.device
    return f"{size_words(lesson.budget_bytes)} of {place}"


def step_words(step: NextStep) -> str:
    """Return what a render begins with that has stepped down so far, on the card or in memory."""
    words = [_BEGINS_WITH[step.concession]] if step.concession in _BEGINS_WITH else []
    words += [_ENCODERS[step.encoders]] if step.encoders in _ENCODERS else []
    if step.tile_at_most is not None:
        words.append(f"tiles of at most {step.tile_at_most * LATENT_PIXELS} pixels")
    return ", ".join(words)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _speed(bytes_per_s: float) -> str:
    return f"{size_words(round(bytes_per_s))}/s"


def _flop(flop_per_s: float) -> str:
    if flop_per_s >= 1e12:
        return f"{flop_per_s / 1e12:.3g} TFLOP/s"
    return f"{flop_per_s / 1e9:.3g} GFLOP/s"
