"""A coloured dot; there is always a word beside it."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

DOT_PX = 7


class StatusDot(QWidget):
    """A dot of 7 px in a colour that can change."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = QColor(Qt.GlobalColor.transparent)
        self.setFixedSize(DOT_PX + 2, DOT_PX + 2)

    def set_colour(self, colour: str) -> None:
        """Change the colour."""
        self._colour = QColor(colour)
        self.update()

    def sizeHint(self) -> QSize:
        """The dot and a pixel around it."""
        return QSize(DOT_PX + 2, DOT_PX + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the dot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawEllipse(QRectF(1, 1, DOT_PX, DOT_PX))
        painter.end()
