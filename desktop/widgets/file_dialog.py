"""A file dialog that never opens a file.

Qt's own icon provider reads the beginning of files of unknown kinds to choose an icon. Closing them drops
drops all locks this process holds on them (POSIX), among them those of the open project: another program
could then take its log away.
"""

import sys
from pathlib import Path

from PySide6.QtCore import QFileInfo, Qt
from PySide6.QtGui import QAbstractFileIconProvider, QIcon
from PySide6.QtWidgets import QFileDialog, QFileIconProvider, QWidget

Kind = QAbstractFileIconProvider.IconType


class NameIcons(QAbstractFileIconProvider):
    """Icons and kinds of files from their names alone."""

    def __init__(self) -> None:
        super().__init__()
        self._generic = QFileIconProvider()

    def icon(self, of: Kind | QFileInfo) -> QIcon:
        """Return the plain icon for a folder, a file or a kind of place."""
        if isinstance(of, QFileInfo):
            of = Kind.Folder if of.isDir() else Kind.File
        return self._generic.icon(of)

    def type(self, info: QFileInfo) -> str:
        """Return what the file is, as its name says."""
        return "" if info.isDir() else info.suffix().upper()


class FileDialog(QFileDialog):
    """A dialog in `folder`, deleted when it closes; open it with `open()` and listen to its signals."""

    def __init__(self, parent: QWidget, title: str, folder: Path) -> None:
        super().__init__(parent, title)
        self._icons = NameIcons()
        self.setIconProvider(self._icons)
        self.setOption(QFileDialog.Option.DontUseCustomDirectoryIcons)
        if sys.platform.startswith("linux"):
            self.setOption(QFileDialog.Option.DontUseNativeDialog)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setDirectory(str(folder))
