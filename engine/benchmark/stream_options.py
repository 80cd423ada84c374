"""What a streaming benchmark measures: the random model, budgets of device memory, ways. Knows no torch."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.benchmark.step_options import AskedStep, StepOptions, step_options
from engine.planning.memory_limit import memory_size
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import UserError

DEFAULT_WIDTH, DEFAULT_BLOCKS, DEFAULT_TOKENS = 768, 8, 500
FULL_SIZE_BUDGETS = (24_000_000_000, 16_000_000_000, 12_000_000_000, 8_000_000_000)
"""Memory of cards that people have."""


class StreamPart(StrEnum):
    """A part of the table: all blocks on the device, ours, diffusers' group offload, accelerate's offload."""

    RESIDENT = "resident"
    STREAM = "stream"
    GROUP = "group"
    ACCELERATE = "accelerate"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedStream:
    """The options as they were given; None or empty: the default."""

    budgets: tuple[str, ...] = ()
    only: str = ""
    width: int | None = None
    blocks: int | None = None
    tokens: int | None = None
    heads: int | None = None
    precision: str = Precision.AUTO.value
    repeats: int = 3
    full_size: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """A streaming benchmark that can be run.

    `budgets`: bytes of the device that Masque may use, the largest first; empty: two are chosen for the
    model, so that a part of its blocks stays on the device, and none.
    """

    step: StepOptions
    budgets: tuple[int, ...]
    parts: tuple[StreamPart, ...]


def stream_options(asked: AskedStream) -> StreamOptions:
    """Return what to measure. Raises UserError for a value that is out of bounds."""
    sized = AskedStep(
        width=asked.width,
        blocks=asked.blocks,
        tokens=asked.tokens,
        heads=asked.heads,
        precision=asked.precision,
        repeats=asked.repeats,
        full_size=asked.full_size,
    )
    if not asked.full_size:
        sized = replace(
            sized,
            width=DEFAULT_WIDTH if asked.width is None else asked.width,
            blocks=DEFAULT_BLOCKS if asked.blocks is None else asked.blocks,
            tokens=DEFAULT_TOKENS if asked.tokens is None else asked.tokens,
        )
    step = step_options(sized)
    budgets = {_budget(text) for text in asked.budgets} or (FULL_SIZE_BUDGETS if asked.full_size else ())
    return StreamOptions(step=step, budgets=tuple(sorted(budgets, reverse=True)), parts=_parts(asked.only))


def _budget(text: str) -> int:
    try:
        return memory_size(text)
    except UserError as error:
        raise UserError(
            f"{text.strip()[:40]!r} is no size of a memory.",
            next_step="Write a number and its unit, for example --budget 12GB.",
        ) from error


def _parts(only: str) -> tuple[StreamPart, ...]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in _names(StreamPart)]
    if unknown:
        raise UserError(
            f"{unknown[0][:40]!r} is no part of this benchmark.",
            next_step=f"Choose {', '.join(_names(StreamPart))} for --only, with commas between them.",
        )
    return tuple(part for part in StreamPart if part.value in names or not names)


def _names(parts: Iterable[StreamPart]) -> list[str]:
    return [part.value for part in parts]
