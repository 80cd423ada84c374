"""The head of a dock: a heading and a few small buttons; dragging it moves the dock."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from desktop.widgets.labels import TextTone, label

HEADER_PX = 30
ICON_PX = 14


class DockHeader(QWidget):
    """A strip 30 px high in place of a dock's own title bar."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dock_header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEADER_PX)
        self.title = label(title, TextTone.HEADING)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 0, 8, 0)
        self._row.setSpacing(4)
        self._row.addWidget(self.title)
        self._row.addStretch(1)

    def add_widget(self, widget: QWidget, *, at_start: bool = False) -> None:
        """Put something at the end, or right after the title."""
        if at_start:
            self._row.insertWidget(self._row.count() - 1, widget)
        else:
            self._row.addWidget(widget)

    def sizeHint(self) -> QSize:
        """As high as a bar."""
        return QSize(120, HEADER_PX)

    def minimumSizeHint(self) -> QSize:
        """As high as a bar, as narrow as need be."""
        return QSize(60, HEADER_PX)


def action_button(action: QAction) -> QToolButton:
    """Return a small button for an action, with its icon."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(QSize(ICON_PX, ICON_PX))
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setAccessibleName(action.toolTip())
    return button
