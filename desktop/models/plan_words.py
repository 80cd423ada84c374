"""How the memory plan of the next render is said to people."""

from PySide6.QtCore import QCoreApplication

from desktop.authoring.memory_plans import Planned, Verdict
from desktop.authoring.memory_words import picture_words, size_words
from desktop.models.tones import StatusTone
from desktop.models.words import duration_words, in_sentence_case
from engine.protocol.memory_plan import Bottleneck, MemoryPlan

TONE_OF_VERDICT = {
    Verdict.FITS: StatusTone.GOOD,
    Verdict.STREAMS: StatusTone.GOOD,
    Verdict.DOES_NOT_FIT: StatusTone.FAILED,
}


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
        size_words(plan.peak_bytes),
        size_words(plan.device_budget_bytes),
    )


def pace_words(plan: MemoryPlan) -> str:
    """Return what sets the pace of a step."""
    return {
        Bottleneck.ARITHMETIC: _tr("Arithmetic sets the pace."),
        Bottleneck.TRANSFER: _tr("Moving the model to the card sets the pace."),
        Bottleneck.DISK: _tr("Reading the model from the disk sets the pace."),
    }[plan.bottleneck]


def given_up_words(planned: Planned) -> str:
    """Return what of the picture is given up to save memory, in a sentence; empty where nothing is."""
    settings = planned.request.diffusion
    if planned.plan is None or settings is None:
        return ""
    losses = picture_words(planned.plan, settings.segment_frames)
    return f"{in_sentence_case(losses)}." if losses else ""


def time_words(seconds: float, takes: int) -> str:
    """Return the time of a take, and of all where there are several."""
    one = _tr("%s a take") % duration_words(seconds)
    if takes == 1:
        return one
    return _tr("%s, %s for %d takes") % (one, duration_words(seconds * takes), takes)


def _tr(text: str) -> str:
    return QCoreApplication.translate("plan_words", text)
