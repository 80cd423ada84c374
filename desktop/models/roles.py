"""Roles of Masque's item models beyond Qt's own."""

from enum import IntEnum

from PySide6.QtCore import Qt


class Role(IntEnum):
    """What a delegate asks for."""

    ID = Qt.ItemDataRole.UserRole + 1
    SECOND_LINE = Qt.ItemDataRole.UserRole + 2
    TONE = Qt.ItemDataRole.UserRole + 3
    PICTURE = Qt.ItemDataRole.UserRole + 4
    SHARE = Qt.ItemDataRole.UserRole + 5
    FIRST_WORDS = Qt.ItemDataRole.UserRole + 6
    THIRD_LINE = Qt.ItemDataRole.UserRole + 7
    FOURTH_LINE = Qt.ItemDataRole.UserRole + 8
