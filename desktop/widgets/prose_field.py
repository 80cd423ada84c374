"""A field for a few lines of words that grows with them and is settled when it is left."""

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

MARGIN_PX = 3
FRAME_PX = 4
WIDTH_PX = 200


class ProseField(QPlainTextEdit):
    """Enter is a new line and Tab moves on; Ctrl+Enter or leaving settles, Escape brings back what was."""

    text_settled = Signal(str)
    grown = Signal()

    def __init__(self, *, least_lines: int = 2, most_lines: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least, self._most = least_lines, most_lines
        self._shown = ""
        self._line_count = least_lines
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(MARGIN_PX)
        self.document().setModified(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.textChanged.connect(self._grow)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)

    @property
    def is_modified(self) -> bool:
        """Whether something was typed that is not settled yet."""
        return self.document().isModified()

    def show_text(self, text: str) -> None:
        """Show a text; what is being typed stays."""
        if not self.is_modified:
            self._shown = text
            if self.toPlainText() != text:
                self._put(text)

    def forget(self) -> None:
        """Give up what was typed."""
        self._put(self._shown)

    def settle(self) -> None:
        """Tell what was typed. It stays unsettled until `keep` says that it was taken."""
        if self.is_modified:
            self.text_settled.emit(self.toPlainText())

    def keep(self) -> None:
        """Take what was typed as settled."""
        self._shown = self.toPlainText()
        self.document().setModified(False)

    def sizeHint(self) -> QSize:
        """As many lines as there are, within bounds."""
        return QSize(
            WIDTH_PX, self._line_count * self.fontMetrics().lineSpacing() + 2 * (MARGIN_PX + FRAME_PX)
        )

    def minimumSizeHint(self) -> QSize:
        """The same: it scrolls only beyond its most lines."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lines break elsewhere in another width."""
        super().resizeEvent(event)
        self._grow()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaving the field settles it; a menu that opens over it does not."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.settle()

    def event(self, event: QEvent) -> bool:
        """Keep Ctrl+Enter from being somebody else's shortcut while words are typed."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _settles(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Settle with Ctrl+Enter, go back with Escape."""
        if _settles(event):
            self.settle()
        elif event.key() == Qt.Key.Key_Escape and self.is_modified:
            self.forget()
        else:
            super().keyPressEvent(event)

    def _put(self, text: str) -> None:
        """Replace the text; who is writing goes on behind it."""
        self.setPlainText(text)
        if self.hasFocus():
            self.moveCursor(QTextCursor.MoveOperation.End)

    def _grow(self) -> None:
        wanted = max(self._least, self._lines_shown())
        if wanted != self._line_count:
            self._line_count = wanted
            self.updateGeometry()
            self.grown.emit()

    def _lines_shown(self) -> int:
        """Return how many lines the text breaks into, as far as they are shown. Asking lays a block out."""
        layout, block, lines = self.document().documentLayout(), self.document().firstBlock(), 0
        while block.isValid() and lines < self._most:
            layout.blockBoundingRect(block)
            lines += block.layout().lineCount()
            block = block.next()
        return min(lines, self._most)


def _settles(event: QKeyEvent) -> bool:
    is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
    return is_enter and bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
