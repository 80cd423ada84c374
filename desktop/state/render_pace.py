"""How long a render should take, judged by the takes there are; only what was measured is told."""

from collections.abc import Sequence
from statistics import median

from engine.protocol.codec import decode_result
from engine.protocol.errors import UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.render_request import RendererName
from projects_db.records import TakeRecord, TakeStatus

DRAFT_FIRST_GUESS_S_PER_FRAME = 1 / 20
DRAFT_START_UP_S = 2.0
NEWEST_TAKES = 8


def draft_seconds(takes: Sequence[TakeRecord], frames: int) -> float:
    """Return about how long a draft of so many frames takes."""
    known = [
        result.render_seconds / result.frame_count for result in _results(takes, RendererName.DRAFT.value)
    ]
    return DRAFT_START_UP_S + frames * (median(known) if known else DRAFT_FIRST_GUESS_S_PER_FRAME)


def diffusion_seconds(
    takes: Sequence[TakeRecord], frames: int, *, bundle: str, size: tuple[int, int], steps: int
) -> float | None:
    """Return about how long a diffusion render takes; None before this bundle made a take of this size.

    Time grows with the frames and the steps; how it grows with the size is not guessed.
    """
    known = [
        result.render_seconds / (result.frame_count * result.diffusion.settings.steps)
        for result in _results(takes, RendererName.DIFFUSION.value)
        if result.diffusion is not None
        and result.diffusion.settings.bundle == bundle
        and (result.width, result.height) == size
    ]
    return frames * steps * median(known) if known else None


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
