"""How the memory plan of the next render is said to people."""

from PySide6.QtCore import QCoreApplication

from desktop.authoring.memory_plans import Planned, Verdict
from desktop.models.tones import StatusTone
from desktop.models.words import duration_words
from engine.protocol.memory_plan import BankPlace, Bottleneck, Concession, MemoryPlan

PROCESSOR = "processor"
TONE_OF_VERDICT = {
    Verdict.FITS: StatusTone.GOOD,
    Verdict.STREAMS: StatusTone.GOOD,
    Verdict.DOES_NOT_FIT: StatusTone.FAILED,
}
_LADDER = tuple(Concession)


def verdict_words(verdict: Verdict) -> str:
    """Return the verdict as it stands on its own."""
    return {
        Verdict.FITS: _tr("Fits"),
        Verdict.STREAMS: _tr("Fits with streaming"),
        Verdict.DOES_NOT_FIT: _tr("Will not fit"),
    }[verdict]


def verdict_on_device(planned: Planned) -> str:
    """Return the verdict with the card it is about: `Fits NVIDIA GeForce RTX 4090`."""
    words = verdict_words(planned.verdict)
    if planned.machine.identity.is_processor:
        return _tr("%s this computer's memory") % words if planned.plan is None else words
    if planned.verdict is Verdict.STREAMS:
        return words
    return f"{words} {planned.machine.identity.device}"


def memory_words(plan: MemoryPlan) -> str:
    """Return the most that is used against what may be."""
    return _tr("At most %s of the %s that can be used") % (
        bytes_words(plan.peak_bytes),
        bytes_words(plan.device_budget_bytes),
    )


def pace_words(plan: MemoryPlan) -> str:
    """Return what sets the pace of a step."""
    return {
        Bottleneck.ARITHMETIC: _tr("Arithmetic sets the pace."),
        Bottleneck.TRANSFER: _tr("Moving weights to the card sets the pace."),
        Bottleneck.DISK: _tr("Reading weights from the disk sets the pace."),
    }[plan.bottleneck]


def given_up_words(plan: MemoryPlan) -> str:
    """Return what of the picture is given up to save memory; empty where nothing is."""
    rung = _LADDER.index(plan.concession)
    if rung >= _LADDER.index(Concession.SHORTER_SEGMENTS):
        return _tr("Segments of %d frames, to save memory.") % plan.segment_frames
    if rung >= _LADDER.index(Concession.EIGHT_BIT_WEIGHTS):
        return _tr("Weights in 8 bits, to save memory.")
    if rung >= _LADDER.index(Concession.NARROW_TOKENS):
        return _tr("A narrower number format, to save memory.")
    return ""


def time_words(seconds: float, takes: int) -> str:
    """Return the time of a take, and of all where there are several."""
    one = _tr("%s a take") % duration_words(seconds)
    if takes == 1:
        return one
    return _tr("%s, %s for %d takes") % (one, duration_words(seconds * takes), takes)


def plan_line(plan: MemoryPlan, measured_peak_bytes: int | None) -> str:
    """Return how a take used the memory, on one line."""
    where = _tr("in memory") if plan.device == PROCESSOR else _tr("on the card")
    if plan.streams:
        count = (len(plan.resident_blocks), plan.block_count, where)
        blocks = _tr("%d of %d blocks %s") % count
    else:
        blocks = _tr("all %d blocks %s") % (plan.block_count, where)
    bank = where if plan.bank_place is BankPlace.DEVICE else _tr("brought block by block")
    words = [
        blocks,
        _tr("keys and values %s") % bank,
        _tr("%s tokens at a time") % f"{plan.piece_tokens:,}",
    ]
    peak = _tr("Peak %s predicted") % bytes_words(plan.peak_bytes)
    if measured_peak_bytes is not None:
        peak += ", " + _tr("%s measured") % bytes_words(measured_peak_bytes)
    return f"{peak}; {', '.join(words)}"


def bytes_words(count: int) -> str:
    """Return bytes as people say them: `11.2 GB`, `52.1 MB`."""
    return _tr("%.1f GB") % (count / 1e9) if count >= 1e9 else _tr("%.1f MB") % (count / 1e6)


def _tr(text: str) -> str:
    return QCoreApplication.translate("plan_words", text)
