"""The diamond beside a value that can be keyframed."""

from enum import Enum

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QWidget

from desktop.theme.theme import Theme

REACH_PX = 4.5


class KeyState(Enum):
    """What is known of a value's keys."""

    NONE = "none"
    ELSEWHERE = "elsewhere"
    HERE = "here"


class KeyDiamond(QAbstractButton):
    """Faint without keys, an outline with keys elsewhere, filled with one here. A click toggles one."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state = KeyState.NONE
        self.setFixedSize(18, 18)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.show_state(KeyState.NONE)
        theme.theme_changed.connect(self.update)

    @property
    def state(self) -> KeyState:
        """What it shows."""
        return self._state

    def show_state(self, state: KeyState) -> None:
        """Show another state."""
        self._state = state
        here = state is KeyState.HERE
        self.setToolTip(
            self.tr("Remove the key at the playhead") if here else self.tr("Set a key at the playhead")
        )
        self.update()

    def sizeHint(self) -> QSize:
        """A small square."""
        return QSize(18, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the diamond and the focus ring."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(tokens.faint if self._state is KeyState.NONE else tokens.text)
        painter.setPen(QPen(colour, 1.2))
        filled = self._state is KeyState.HERE or self.underMouse()
        painter.setBrush(colour if filled else Qt.BrushStyle.NoBrush)
        x, y = self.width() / 2, self.height() / 2
        corners = [(x, y - REACH_PX), (x + REACH_PX, y), (x, y + REACH_PX), (x - REACH_PX, y)]
        painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.text), 1))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 3, 3)
        painter.end()
