"""How lengths of time, qualities and names are said to people."""

from PySide6.QtCore import QCoreApplication

LONGEST_NAME = 22


def duration_words(seconds: float) -> str:
    """Return a length of time roughly: `40 s`, `12 min`, `1 h 8 min`."""
    if seconds < 90:
        return _tr("%d s") % max(1, round(seconds))
    minutes = round(seconds / 60)
    if minutes < 60:
        return _tr("%d min") % minutes
    return _tr("%d h %d min") % divmod(minutes, 60)


def quality_word(renderer: str) -> str:
    """Return a way to render as a quality."""
    return {"draft": _tr("Draft"), "diffusion": _tr("Diffusion")}.get(renderer, renderer.capitalize())


def shortened(name: str) -> str:
    """Return a name that fits on a button."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def in_sentence_case(clause: str) -> str:
    """Return a clause as it stands at the beginning of a sentence."""
    return clause[:1].upper() + clause[1:]


def _tr(text: str) -> str:
    return QCoreApplication.translate("words", text)
