"""The streaming benchmark's table for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from desktop.cli.presenting import console, shown, table
from engine.planning.plan_words import picture_losses
from engine.protocol.memory_plan import MemoryPlan

_HEADINGS = ("", "first s", "step s", "ratio", "CPU", "differs", "peak GB", "host GB")
_Row = Mapping[str, Any]


def show_stream(answer: Mapping[str, Any]) -> None:
    """Print what was measured, what was planned, and what failed."""
    step, rows = answer["options"]["step"], answer["rows"]
    blocks = "1 block" if step["blocks"] == 1 else f"{step['blocks']} blocks"
    console().print(
        f"one step, {answer['parameters'] / 1e6:,.0f} million parameters ({step['width']} wide, {blocks}), "
        f"{answer['tokens']} tokens, two branches",
        soft_wrap=True,
    )
    console().print(
        f"{shown(answer['device'])}, {answer['precision']}, best of {step['repeats']}; weights "
        f"{_gigabytes(answer['weights_bytes'])} GB, keys and values {_gigabytes(answer['bank_bytes'])} GB",
        soft_wrap=True,
    )
    console().print(table(_HEADINGS, [_cells(row) for row in rows if row["measures"]]))
    for line in (*_notes(rows), *_legend(rows)):
        console().print(line, soft_wrap=True)


def _cells(row: _Row) -> tuple[str, ...]:
    found, compared = row["measures"], row["comparison"]
    ratios = (f"{compared['ratio']:.3f}", f"{compared['processor_ratio']:.3f}") if compared else ("", "")
    return (
        row["name"],
        f"{found['first_s']:.3f}",
        f"{found['best_s']:.3f}",
        *ratios,
        _difference(compared["largest_difference"]) if compared else "",
        "" if found["peak_bytes"] is None else _gigabytes(found["peak_bytes"]),
        _gigabytes(max(found["loading_host_bytes"], found["step_host_bytes"])),
    )


def _notes(rows: list[_Row]) -> Iterator[str]:
    for row in rows:
        if row["failure"]:
            yield f"  [bold]{shown(row['name'])}[/bold] failed: {shown(row['failure'])}"
        elif row["plan"]:
            yield f"  {shown(row['name'])}: {_plan(row)}"


def _plan(row: _Row) -> str:
    plan, compared = msgspec.convert(row["plan"], MemoryPlan), row["comparison"]
    slots = "1 slot" if plan.slots == 1 else f"{plan.slots} slots"
    said = f"{len(plan.resident_blocks)} of {plan.block_count} blocks stay, {slots}"
    if row["prediction_ratio"]:
        said += (
            f"; {_gigabytes(row['predicted_bytes'])} GB predicted, {row['prediction_ratio']:.3f} of the peak"
        )
    for loss in picture_losses(plan, plan.segment_frames):  # one pass, as long as it was asked to be
        said += f"; {loss}"
    if compared and compared["relative_error"]:
        said += f"; relative error {compared['relative_error']:.1e}"
    return said


def _legend(rows: list[_Row]) -> Iterator[str]:
    references = {row["comparison"]["reference"] for row in rows if row["comparison"]}
    if references:
        yield (
            "[dim]ratio of the times and CPU of the processor's times, to those of "
            f"{shown(' or '.join(sorted(references)))}; rough on a busy machine[/dim]"
        )
    yield "[dim]peak: tensors on the device during a step; host: beyond what the process had before[/dim]"


def _difference(largest: float) -> str:
    return "0" if largest == 0 else f"{largest:.1e}"


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f}"
