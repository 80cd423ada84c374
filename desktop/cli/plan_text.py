"""A render's memory plan in words for people, and as an object for scripts."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table

from desktop.authoring.memory_plans import Planned, Verdict
from desktop.authoring.memory_words import (
    PROCESSOR,
    bank_words,
    blocks_words,
    place_words,
    plain_picture_losses,
    plain_time_losses,
    size_words,
    time_losses,
)
from desktop.authoring.running_render import SeenMachine
from desktop.cli.presenting import shown, table
from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS
from engine.planning.memory_limit import LIMIT_VARIABLE
from engine.planning.plan_words import doing, picture_losses
from engine.planning.shot_cutting import SegmentLoad
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import ErrorReport
from engine.protocol.memory_plan import (
    Bottleneck,
    EncoderPlace,
    HostPlace,
    MemoryPlan,
    NoPlan,
    WeightStorage,
)

UNKNOWN = "not known"
_COLOURS = {Verdict.FITS: "green", Verdict.STREAMS: "green", Verdict.DOES_NOT_FIT: "red"}
_WAITS_FOR = {
    Bottleneck.ARITHMETIC: "arithmetic",
    Bottleneck.TRANSFER: "weights on their way to the card",
    Bottleneck.DISK: "weights read from the disk",
}
_HOST_PLACES = {
    HostPlace.PINNED: "in memory locked for quick transfer",
    HostPlace.PAGEABLE: "in memory",
    HostPlace.DISK: "on the disk, read ahead into memory",
}
_ENCODER_PLACES = {
    EncoderPlace.DEVICE: "on the card",
    EncoderPlace.STREAMED: "layer by layer on the card",
    EncoderPlace.PROCESSOR: "on the processor",
}


NOT_COUNTED = (
    "Not counted: starting the process (some seconds, once), reading clips and\n"
    "following faces in them (seconds to minutes with a clip's first render)."
)
IN_EXACT_TERMS = "In the terms of the model: --details."
WHERE_TO_LOOK = "How fast this machine is, and what it has learnt: masque machine."


def machine_line(seen: SeenMachine, *, supposed: bool) -> str:
    """Return which card it is and what is free; `supposed`: as if the card had this memory."""
    machine, now = seen.machine, seen.machine.now
    name = "This computer's processor" if machine.identity.is_processor else machine.identity.device
    if supposed:
        return f"{name}, as if {size_words(now.device_total_bytes)} were free"
    when = " when the running render is done" if seen.render_runs else ""
    words = [name, f"{size_words(now.device_free_bytes)} of {size_words(now.device_total_bytes)} free{when}"]
    if now.limit_bytes is not None or seen.another_limit:
        words.append(limit_words(seen))
    return " · ".join(words)


def limit_words(seen: SeenMachine) -> str:
    """Return the limit that a render will keep to, and whose it is."""
    limit_bytes = seen.machine.now.limit_bytes
    limit = "none" if limit_bytes is None else size_words(limit_bytes)
    whose = f"the running engine's {LIMIT_VARIABLE}" if seen.engine_runs else LIMIT_VARIABLE
    return f"limit {limit} ({whose})"


def overview(planned: Sequence[Planned], unplanned: Sequence[tuple[str, ErrorReport]]) -> Table:
    """Return one row for each scene."""
    made = table(("scene", "verdict", "size", "peak", "of", "a step", "in all"), ())
    for one in planned:
        made.add_row(shown(one.scene), _coloured(one.verdict), *_figures(one))
    for name, _ in unplanned:
        made.add_row(shown(name), "[red]cannot be rendered[/red]")
    return made


def next_steps(planned: Sequence[Planned]) -> str:
    """Return where more is said: of each scene that will not fit, the first thing to change."""
    lines = [
        f"{shown(one.scene)} will not fit: {' '.join(one.refusal.changes[:1]) or one.refusal.reason}"
        for one in planned
        if one.refusal is not None
    ]
    return "\n".join([*lines, "All of a scene's plan: --scene NAME, or --details."])


def full_plan(planned: Planned, *, exact: bool) -> tuple[RenderableType, ...]:
    """Return one scene's plan, to be printed one below the other; `exact`: in the terms of the model."""
    request = planned.request
    settings = request.diffusion or DiffusionSettings(bundle="")
    heading = (
        f"[bold]{shown(planned.scene)}[/bold]  {_coloured(planned.verdict)}  "
        f"[dim]{request.width}x{request.height}, {request.frame_count} frames, {settings.steps} steps[/dim]"
    )
    notes = tuple(f"  [yellow]note[/yellow] {shown(note)}" for note in planned.notes)
    if isinstance(planned.outcome, NoPlan):
        return heading, _grid(_refusal_rows(planned.outcome)), *notes
    return (
        heading,
        _grid((_exact_rows if exact else _plain_rows)(planned, planned.outcome, settings)),
        _phases(planned.outcome),
        *notes,
    )


def answer_of(planned: Planned) -> dict[str, object]:
    """Return one scene's plan for a script."""
    request = planned.request
    return {
        "scene": planned.scene,
        "verdict": planned.verdict.value,
        "width": request.width,
        "height": request.height,
        "frame_count": request.frame_count,
        "diffusion_settings": request.diffusion,
        "plan": planned.plan,
        "peak_bytes": None if planned.plan is None else planned.plan.peak_bytes,
        "refusal": planned.refusal,
        "notes": planned.notes,
    }


def duration_words(seconds: float | None) -> str:
    """Return a length of time roughly: `0.2 s`, `40 s`, `12 min`, `1 h 8 min`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def passes_words(segment: SegmentLoad | None, steps: int) -> str:
    """Return how a shot is cut, such that a step's time multiplies to the whole's: `3 segments of up to 81
    frames, 30 steps each`; without a cutting the steps alone.
    """
    if segment is None:
        return f"{steps} steps"
    latents = segment.latent_frames if segment.windows > 1 else segment.piece_latents
    frames = FRAMES_PER_LATENT * (latents - 1) + 1
    if segment.windows > 1:
        return f"up to {segment.windows} windows of {frames} frames in each of {steps} steps"
    if segment.pieces > 1:
        return f"{segment.pieces} segments of up to {frames} frames, {steps} steps each"
    return f"1 segment of {frames} frames, {steps} steps"


def _coloured(verdict: Verdict) -> str:
    return f"[{_COLOURS[verdict]}]{verdict.value.replace('_', ' ')}[/{_COLOURS[verdict]}]"


def _figures(planned: Planned) -> tuple[str, ...]:
    size, outcome = f"{planned.request.width}x{planned.request.height}", planned.outcome
    budget = size_words(outcome.device_budget_bytes)
    if isinstance(outcome, NoPlan):
        return size, size_words(outcome.least_bytes), budget
    times = (duration_words(outcome.seconds_per_step), duration_words(outcome.seconds))
    return size, size_words(outcome.peak_bytes), budget, *times


def _grid(rows: Sequence[tuple[str, str]]) -> Table:
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", min_width=17)
    made.add_column(overflow="fold")
    for name, text in rows:
        made.add_row(f"  {name}", shown(text))
    return made


def _plain_rows(
    planned: Planned, plan: MemoryPlan, settings: DiffusionSettings
) -> tuple[tuple[str, str], ...]:
    asked_segment_frames = settings.segment_frames
    stay, where = f"{len(plan.resident_blocks)} of {plan.block_count} parts", place_words(plan)
    return (
        (
            "model",
            f"{stay} {where}, the others brought when needed" if plan.streams else f"all of it {where}",
        ),
        ("at a time", passes_words(planned.segment, settings.steps)),
        *_figure_rows(plan),
        (
            "given up",
            _given_up(plain_picture_losses(plan, asked_segment_frames), plain_time_losses(plan)),
        ),
    )


def _exact_rows(
    planned: Planned, plan: MemoryPlan, settings: DiffusionSettings
) -> tuple[tuple[str, str], ...]:
    asked_segment_frames = settings.segment_frames
    at_a_time = [f"{plan.piece_tokens:,} tokens", passes_words(planned.segment, settings.steps)]
    if plan.tile_latents is not None:
        at_a_time.append(f"tiles of {plan.tile_latents * LATENT_PIXELS} pixels")
    encoders = f"text {_ENCODER_PLACES[plan.text_encoder]}, picture {_ENCODER_PLACES[plan.image_encoder]}"
    return (
        ("transformer", f"{blocks_words(plan)}, {_weights(plan)}"),
        *((("others wait", _waiting(plan)),) if plan.streams else ()),
        ("keys and values", bank_words(plan)),
        ("at a time", ", ".join(at_a_time)),
        *(() if plan.device == PROCESSOR else (("encoders", encoders),)),
        *_figure_rows(plan),
        ("given up", _given_up(picture_losses(plan, asked_segment_frames), time_losses(plan))),
    )


def _figure_rows(plan: MemoryPlan) -> tuple[tuple[str, str], ...]:
    step = f"{duration_words(plan.seconds_per_step)}, waiting mostly for {_WAITS_FOR[plan.bottleneck]}"
    return (
        ("memory", f"{size_words(plan.peak_bytes)} at most, of {size_words(plan.device_budget_bytes)}"),
        ("a step", step),
        ("in all", duration_words(plan.seconds)),
        *(() if plan.loading_seconds is None else (("loading weights", _loading(plan.loading_seconds)),)),
    )


def _refusal_rows(refusal: NoPlan) -> tuple[tuple[str, str], ...]:
    return (
        ("why", refusal.reason),
        *(("or" if number else "change", change) for number, change in enumerate(_changes(refusal))),
    )


def _changes(refusal: NoPlan) -> tuple[str, ...]:
    return refusal.changes or ("Nothing that can be set makes it fit. Render a draft, or on another card.",)


def _phases(plan: MemoryPlan) -> Table:
    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    made.add_column("\n  while", min_width=17)
    for heading in (f"\n{place_words(plan)}", f"\nof {size_words(plan.device_budget_bytes)}", "\ntime"):
        made.add_column(heading, justify="right")
    for need in plan.phases:
        share = f"{100 * need.device_bytes / max(1, plan.device_budget_bytes):.0f} %"
        peak = " (peak)" if need.device_bytes == plan.peak_bytes else ""
        time = UNKNOWN if plan.seconds is None else duration_words(need.seconds)
        taken = size_words(need.device_bytes) if need.device_bytes else "nothing"
        made.add_row(f"  {doing(need.phase)}{peak}", taken, share, time)
    return made


def _weights(plan: MemoryPlan) -> str:
    return "in 8 bits" if plan.storage is WeightStorage.EIGHT_BIT else f"as {plan.precision.value}"


def _waiting(plan: MemoryPlan) -> str:
    where = f"{_HOST_PLACES[plan.host_place]} ({size_words(plan.host_bytes)})"
    through = "one buffer" if plan.slots == 1 else f"{plan.slots} buffers"
    return f"{where}, to pass through {through}"


def _loading(seconds: float) -> str:
    return f"{duration_words(seconds)} of that, from the disk; less when read shortly before"


def _given_up(of_the_picture: Sequence[str], of_time: Sequence[str]) -> str:
    if of_the_picture:
        return f"some of the picture: {'; '.join(of_the_picture)}"
    return f"time alone: {'; '.join(of_time)}" if of_time else "nothing"
