"""How long a render should take, judged by the takes there are; only what was measured is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import linear_regression, median

from engine.protocol.codec import decode_result
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.memory_plan import MemoryPlan
from engine.protocol.render_request import RendererName
from projects_db.records import TakeRecord, TakeStatus

DRAFT_FIRST_GUESS_S_PER_FRAME = 1 / 20
DRAFT_START_UP_S = 2.0
NEWEST_TAKES = 8
MOST_BEYOND_MEASURED = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTake:
    """A diffusion take that is asked about. `settings` and `plan`: None where there is no plan for it."""

    bundle: str
    size: tuple[int, int]
    frames: int
    steps: int
    settings: DiffusionSettings | None = None
    plan: MemoryPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of one take. `estimated_from`: how many takes that differ from it; 0 where one like it is."""

    seconds: float
    estimated_from: int = 0


def draft_seconds(takes: Sequence[TakeRecord], frames: int) -> float:
    """Return about how long a draft of so many frames takes."""
    known = [
        result.render_seconds / result.frame_count for result in _results(takes, RendererName.DRAFT.value)
    ]
    return DRAFT_START_UP_S + frames * (median(known) if known else DRAFT_FIRST_GUESS_S_PER_FRAME)


def diffusion_pace(takes: Sequence[TakeRecord], asked: AskedTake) -> Pace | None:
    """Return how long a diffusion take lasts: as takes like it did, else estimated from others of its bundle.

    What every take costs (loading, encoding) does not grow with frames and steps: takes of different work
    tell it from what does; where there are none, or much more is asked than was measured, plans tell it.
    None where takes and plans tell neither.
    """
    known = [
        result
        for result in _results(takes, RendererName.DIFFUSION.value)
        if result.diffusion is not None and result.diffusion.settings.bundle == asked.bundle
    ]
    alike = [result for result in known if _is_alike(result, asked)]
    same = [result.render_seconds for result in alike if _work_of(result) == (asked.frames, asked.steps)]
    if same:
        return Pace(seconds=median(same))
    fitted, most = _fitted(alike, asked), max((_product(result) for result in alike), default=0)
    if fitted is not None and asked.frames * asked.steps <= MOST_BEYOND_MEASURED * most:
        return Pace(seconds=fitted, estimated_from=len(alike))
    planned = [seconds for seconds in (_by_plans(result, asked) for result in known) if seconds is not None]
    if planned:
        return Pace(seconds=median(planned), estimated_from=len(planned))
    return None if fitted is None else Pace(seconds=fitted, estimated_from=len(alike))


def _is_alike(result: RenderResult, asked: AskedTake) -> bool:
    """Whether only frames and steps may differ, as far as the settings asked for are known."""
    made = _settings(result)
    wanted = made if asked.settings is None else asked.settings
    return (result.width, result.height) == asked.size and replace(made, steps=wanted.steps) == wanted


def _fitted(alike: Sequence[RenderResult], asked: AskedTake) -> float | None:
    """Return a line's value through the takes; None where they do not tell one that rises from above zero."""
    work = [_product(result) for result in alike]
    if len(set(work)) < 2:
        return None
    slope, fixed = linear_regression(work, [result.render_seconds for result in alike])
    return fixed + slope * asked.frames * asked.steps if slope > 0 and fixed >= 0 else None


def _by_plans(result: RenderResult, asked: AskedTake) -> float | None:
    """Return what a take lasted, and what the plans say that this one lasts longer.

    What a plan does not count (starting, reading clips) comes on top; one that promised more time than was
    taken is slow in all its parts. Without a plan for this one, the take's own tells it for other steps.
    """
    made = None if result.diffusion is None else result.diffusion.plan
    if made is None or made.seconds is None or made.seconds_per_step is None or made.seconds <= 0:
        return None
    seconds = None if asked.plan is None else asked.plan.seconds
    if seconds is None:
        if (result.width, result.height, result.frame_count) != (*asked.size, asked.frames):
            return None
        seconds = made.seconds + (asked.steps - _settings(result).steps) * made.seconds_per_step
    taken = result.render_seconds
    return seconds + taken - made.seconds if taken >= made.seconds else seconds * taken / made.seconds


def _work_of(result: RenderResult) -> tuple[int, int]:
    return result.frame_count, _settings(result).steps


def _product(result: RenderResult) -> int:
    frames, steps = _work_of(result)
    return frames * steps


def _settings(result: RenderResult) -> DiffusionSettings:
    return DiffusionSettings(bundle="") if result.diffusion is None else result.diffusion.settings


def _results(takes: Sequence[TakeRecord], renderer: str) -> list[RenderResult]:
    done = [
        take.result
        for take in takes
        if take.status is TakeStatus.DONE and take.renderer == renderer and take.result
    ]
    read = []
    for text in done[-NEWEST_TAKES:]:
        try:
            result = decode_result(text)
        except UserError:
            continue  # a take of another version tells nothing
        if result.render_seconds > 0 and result.frame_count > 0:
            read.append(result)
    return read
