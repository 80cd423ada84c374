"""A slim slider in any colour that goes where it is clicked and tells its value once, when it is let go."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from desktop.theme.theme import Theme

KNOB_PX = 5.5
GROOVE_PX = 3.0
STEPS = 1000


class LevelSlider(QSlider):
    """Values from `low` to `high`; `value_dragged` while moving, `value_settled` when the user is done."""

    value_dragged = Signal(float)
    value_settled = Signal(float)

    def __init__(
        self, theme: Theme, *, low: float, high: float, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme = theme
        self._low, self._high = low, high
        self._colour: str | None = None
        self._held = False
        self.setRange(0, STEPS)
        self.setSingleStep(10)
        self.setPageStep(100)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.update)

    @property
    def level(self) -> float:
        """The value."""
        return self._low + (self._high - self._low) * self.value() / STEPS

    def set_level(self, level: float) -> None:
        """Show a value, unless the user is dragging."""
        if not self._held:
            share = (level - self._low) / (self._high - self._low)
            self.setValue(round(min(max(share, 0.0), 1.0) * STEPS))

    def set_colour(self, colour: str | None) -> None:
        """Fill the groove in a stored character colour; None: the theme's text colour."""
        self._colour = colour
        self.update()

    def sizeHint(self) -> QSize:
        """As high as a line."""
        return QSize(100, 18)

    def minimumSizeHint(self) -> QSize:
        """Room for the knob to travel."""
        return QSize(40, 18)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to where it is clicked."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = True
            self._go_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if self._held:
            self._go_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell the value."""
        if self._held and event.button() == Qt.MouseButton.LeftButton:
            self._held = False
            self.value_settled.emit(self.level)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move by keys; each press is told."""
        before = self.value()
        super().keyPressEvent(event)
        if self.value() != before:
            self.value_settled.emit(self.level)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to whoever scrolls."""
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint groove, filling, knob and the focus ring."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle, left, right = self.height() / 2, KNOB_PX, self.width() - KNOB_PX
        knob = left + (right - left) * self.value() / STEPS
        groove = QRectF(left, middle - GROOVE_PX / 2, right - left, GROOVE_PX)
        painter.setBrush(QColor(tokens.line))
        painter.drawRoundedRect(groove, GROOVE_PX / 2, GROOVE_PX / 2)
        if self._colour is not None and self.isEnabled():
            painter.setBrush(QColor(tokens.character(self._colour)))
            groove.setRight(knob)
            painter.drawRoundedRect(groove, GROOVE_PX / 2, GROOVE_PX / 2)
        painter.setBrush(QColor(tokens.knob if self.isEnabled() else tokens.faint))
        painter.drawEllipse(QRectF(knob - KNOB_PX, middle - KNOB_PX, 2 * KNOB_PX, 2 * KNOB_PX))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.text), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.end()

    def _go_to(self, x: float) -> None:
        room = max(1.0, self.width() - 2 * KNOB_PX)
        self.setValue(round(min(max((x - KNOB_PX) / room, 0.0), 1.0) * STEPS))
        self.value_dragged.emit(self.level)
