"""A row of choices of which one holds, such as Plate, Draft, Take."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSizePolicy, QToolButton, QWidget


class Segments(QFrame):
    """Tells a chosen key by `chosen`; the user and `choose` change it, only the user is told of."""

    chosen = Signal(str)

    def __init__(self, choices: dict[str, str], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("segments")
        self.setAccessibleName(name)
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(0)
        for key, text in choices.items():
            row.addWidget(self._button(key, text))

    def choose(self, key: str) -> None:
        """Show another choice."""
        self._buttons[key].setChecked(True)

    def set_text(self, key: str, text: str) -> None:
        """Word a choice differently."""
        self._buttons[key].setText(text)

    def set_enabled(self, key: str, enabled: bool) -> None:
        """Offer a choice, or not."""
        self._buttons[key].setEnabled(enabled)

    def button(self, key: str) -> QToolButton:
        """Return the button of a choice."""
        return self._buttons[key]

    def _button(self, key: str, text: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(lambda: self.chosen.emit(key))
        self._group.addButton(button)
        self._buttons[key] = button
        return button
