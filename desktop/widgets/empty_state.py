"""What an empty place says: what to do, and buttons to do it here."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from desktop.widgets.labels import TextTone, label, link_button


class EmptyState(QWidget):
    """A sentence in the middle with buttons below; it also takes dropped files."""

    files_dropped = Signal(object)

    def __init__(self, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._title = label(title, TextTone.STRONG)
        self._text = label(text, TextTone.QUIET, wraps=True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 12, 16, 12)
        self._column.setSpacing(8)
        self._column.addStretch(1)
        for part in (self._title, self._text):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._column.addWidget(part)
        self._title.setVisible(bool(title))
        self._column.addStretch(1)

    def say(self, title: str, text: str) -> None:
        """Say something else."""
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self._text.setText(text)

    def add_button(self, text: str, *, as_link: bool = False) -> QPushButton:
        """Add a button below the text and return it."""
        button = link_button(text) if as_link else QPushButton(text)
        self._column.insertWidget(self._column.count() - 1, button, 0, Qt.AlignmentFlag.AlignHCenter)
        return button

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        self._take(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Take files."""
        self._take(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell which files landed."""
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            self.files_dropped.emit(files)
            event.acceptProposedAction()

    def _take(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
