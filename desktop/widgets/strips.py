"""What appears under the bar: a message with its remedies, or a question with a line to answer it."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QToolButton, QWidget

from desktop.theme.theme import Theme
from desktop.widgets.labels import TextTone, label, link_button
from desktop.widgets.status_dot import StatusDot


class MessageStrip(QWidget):
    """One message, what to do next, links that do it, and a cross."""

    dismissed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice_strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._dot = StatusDot()
        self._text = label(wraps=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._links = QHBoxLayout()
        self._links.setSpacing(12)
        self._close = QToolButton()
        self._close.setIconSize(QSize(12, 12))
        self._close.setAccessibleName(self.tr("Dismiss message"))
        self._close.clicked.connect(self.dismissed)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self._dot)
        row.addWidget(self._text, 1)
        row.addLayout(self._links)
        row.addWidget(self._close)
        theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def show_message(
        self, message: str, next_step: str, *, is_trouble: bool, links: dict[str, Callable[[], None]]
    ) -> None:
        """Show a message."""
        self._text.setText(f"{message} {next_step}".strip())
        tokens = self._theme.tokens
        self._dot.set_colour(tokens.failed if is_trouble else tokens.good)
        while (item := self._links.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for text, act in links.items():
            button = link_button(text)
            button.clicked.connect(act)
            self._links.addWidget(button)
        self.setAccessibleName(self._text.text())
        self.show()

    def _on_theme_changed(self) -> None:
        self._close.setIcon(self._theme.icon("close"))


class QuestionStrip(QWidget):
    """Asks for one line of text without a dialog. One question at a time; escape gives up."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice_strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._answer: Callable[[str], None] | None = None
        self._question = label(tone=TextTone.STRONG)
        self.line = QLineEdit()
        self.line.setMaximumWidth(320)
        self.accept_button = QPushButton()
        cancel = QPushButton(self.tr("Cancel"))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 8, 4)
        row.setSpacing(8)
        for widget in (self._question, self.line, self.accept_button, cancel):
            row.addWidget(widget)
        row.addStretch(1)
        self.line.returnPressed.connect(self._on_accepted)
        self.accept_button.clicked.connect(self._on_accepted)
        cancel.clicked.connect(self.give_up)
        self.hide()

    def ask(self, question: str, *, initial: str, accept: str, answer: Callable[[str], None]) -> None:
        """Ask; `answer` is called with a line that is not empty."""
        self._answer = answer
        self._question.setText(question)
        self.line.setAccessibleName(question)
        self.line.setText(initial)
        self.accept_button.setText(accept)
        self.show()
        self.line.setFocus()
        self.line.selectAll()

    def give_up(self) -> None:
        """Forget the question."""
        self._answer = None
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape gives up."""
        if event.key() == Qt.Key.Key_Escape:
            self.give_up()
        else:
            super().keyPressEvent(event)

    def _on_accepted(self) -> None:
        text, answer = self.line.text().strip(), self._answer
        if text and answer is not None:
            self.give_up()
            answer(text)
