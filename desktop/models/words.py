"""How lengths of time are said to people."""

from PySide6.QtCore import QCoreApplication


def duration_words(seconds: float) -> str:
    """Return a length of time roughly: `40 s`, `12 min`, `1 h 8 min`."""
    if seconds < 90:
        return _tr("%d s") % max(1, round(seconds))
    minutes = round(seconds / 60)
    if minutes < 60:
        return _tr("%d min") % minutes
    return _tr("%d h %d min") % divmod(minutes, 60)


def _tr(text: str) -> str:
    return QCoreApplication.translate("durations", text)
