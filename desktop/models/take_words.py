"""How the making of a take is said to people."""

from PySide6.QtCore import QCoreApplication

from desktop.authoring.memory_words import memory_line
from desktop.authoring.take_origin import TakeOrigin
from desktop.models.words import in_sentence_case, quality_word, shortened
from engine.protocol.diffusion_settings import GuidanceSettings


def made_by_words(origin: TakeOrigin) -> str:
    """Return what made a take: `Draft`, or `Diffusion · fantasy-14b · 30 steps`."""
    words = [quality_word(origin.renderer)]
    if origin.settings is not None:
        words += [shortened(origin.settings.bundle), _tr("%d steps") % origin.settings.steps]
    if origin.is_noise:
        words.append(_tr("random weights: noise"))
    return " · ".join(words)


def making_words(origin: TakeOrigin) -> str:
    """Return how a diffusion take was guided and computed, on one line; empty for a draft."""
    if origin.settings is None:
        return ""
    words = [_guidance_words(origin.settings.guidance)]
    if origin.record is not None:
        record = origin.record
        words += [
            _tr("%d passes a step") % record.forwards_per_step,
            f"{record.device}, {record.precision.value}",
        ]
    return " · ".join(words)


def memory_words_of(origin: TakeOrigin) -> str:
    """Return how a diffusion take used the memory, on one line; empty where that was not kept."""
    record = origin.record
    if record is None or record.plan is None:
        return ""
    asked = record.settings.segment_frames
    return in_sentence_case(memory_line(record.plan, asked, record.measured_peak_bytes))


def _guidance_words(guidance: GuidanceSettings) -> str:
    scales = (
        (_tr("text %g"), guidance.text_scale),
        (_tr("clips and voices %g"), guidance.adapter_scale),
        (_tr("voices %g"), guidance.voice_scale),
    )
    given = [word % scale for word, scale in scales if scale is not None]
    return _tr("Guidance: %s") % (", ".join(given) or _tr("as published"))


def _tr(text: str) -> str:
    return QCoreApplication.translate("take_words", text)
