"""A check box and a choice box that look right in both themes."""

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QCheckBox, QComboBox, QWidget

from desktop.theme.theme import Theme

BOX_PX = 13.0
GAP_PX = 7.0


class CheckBox(QCheckBox):
    """A box with a tick, and its words."""

    def __init__(self, theme: Theme, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._theme = theme
        theme.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Box, gap and words."""
        words = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(round(BOX_PX + GAP_PX) + words + 6, max(20, self.fontMetrics().height() + 4))

    def hitButton(self, position: QPoint) -> bool:
        """The words can be clicked as well as the box."""
        return self.rect().contains(position)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint box, tick, words and the focus ring."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(1.5, (self.height() - BOX_PX) / 2, BOX_PX, BOX_PX)
        painter.setPen(QPen(QColor(tokens.text if self.hasFocus() else tokens.secondary), 1))
        painter.setBrush(QColor(tokens.raised))
        painter.drawRoundedRect(box, 3, 3)
        if self.isChecked():
            painter.setPen(QPen(QColor(tokens.text), 1.8))
            painter.drawPolyline(
                QPolygonF(
                    [
                        QPointF(box.left() + 3, box.center().y()),
                        QPointF(box.left() + 5.5, box.bottom() - 3.5),
                        QPointF(box.right() - 3, box.top() + 3.5),
                    ]
                )
            )
        painter.setPen(QColor(tokens.text if self.isEnabled() else tokens.faint))
        words = QRectF(box.right() + GAP_PX, 0, self.width() - box.right() - GAP_PX, self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()


class ChoiceBox(QComboBox):
    """A combo box with a small arrow in the theme's colour."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        theme.theme_changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the box and the arrow on it."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.tokens.secondary))
        x, y = self.width() - 13.0, self.height() / 2
        painter.drawPolygon(
            QPolygonF([QPointF(x - 3.5, y - 2), QPointF(x + 3.5, y - 2), QPointF(x, y + 2.5)])
        )
        painter.end()
