"""The names of edits, translated where they are made."""

from PySide6.QtCore import QCoreApplication


def worded(text: str) -> str:
    """Return an edit's name in the user's language."""
    return QCoreApplication.translate("edits", text)
