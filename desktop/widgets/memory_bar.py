"""A bar of a card's memory: what a render uses of it, and the line it must stay under."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.theme.theme import Theme

BAR_PX = 6.0
MARK_PX = 2.0


class MemoryBar(QWidget):
    """From nothing to all the card has. What is beyond the mark is not to be had. Empty until it is told."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._used = self._limit = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.update)

    @property
    def used_share(self) -> float:
        """How much of the bar is filled."""
        return self._used

    @property
    def limit_share(self) -> float:
        """Where the mark is; 0 for none."""
        return self._limit

    def show_memory(self, used_bytes: int, limit_bytes: int, total_bytes: int) -> None:
        """Show what is used or needed, the most that may be used, and what there is."""
        whole = max(used_bytes, limit_bytes, total_bytes, 1)
        self._used, self._limit = used_bytes / whole, limit_bytes / whole
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self._used = self._limit = 0.0
        self.update()

    def sizeHint(self) -> QSize:
        """A slim line with room for its mark."""
        return QSize(200, 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the groove, what is used, what is too much of it, and the mark."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        groove = QRectF(0, (self.height() - BAR_PX) / 2, self.width(), BAR_PX)
        self._paint_share(painter, groove, 1.0, tokens.line)
        if self._limit:
            if self._used > self._limit:
                self._paint_share(painter, groove, self._used, tokens.failed)
            self._paint_share(painter, groove, min(self._used, self._limit), tokens.good)
            mark = min(self._limit * self.width(), self.width() - MARK_PX)
            painter.setBrush(QColor(tokens.text))
            painter.drawRect(QRectF(mark, groove.top() - 3, MARK_PX, BAR_PX + 6))
        painter.end()

    @staticmethod
    def _paint_share(painter: QPainter, groove: QRectF, share: float, colour: str) -> None:
        painter.setBrush(QColor(colour))
        filled = QRectF(groove.left(), groove.top(), groove.width() * share, groove.height())
        painter.drawRoundedRect(filled, BAR_PX / 2, BAR_PX / 2)
