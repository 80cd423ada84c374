"""A line for a number that may be left empty, for what is usual; its placeholder says what that is."""

from PySide6.QtCore import QRegularExpression, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QRegularExpressionValidator
from PySide6.QtWidgets import QLineEdit, QWidget

WHOLE = QRegularExpression("-?[0-9]{0,12}")
BROKEN = QRegularExpression("-?[0-9]{0,12}([.,][0-9]{0,4})?")


class NumberField(QLineEdit):
    """Tells every number while it is typed, and what holds when the field is left or Enter is pressed.

    None is an empty line. Whether a number can be is for others to say: nothing is corrected here. The arrow
    keys go up and down by a step, from the usual number where there is none, and not beyond the bounds.
    """

    number_typed = Signal(object)
    number_given = Signal(object)

    def __init__(
        self,
        *,
        lowest: float,
        highest: float,
        step: float = 1.0,
        is_whole: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._bounds = (lowest, highest)
        self._step = step
        self._is_whole = is_whole
        self._shown = ""
        self._before: str | None = None
        self._has_told = False
        self._usual: float | None = None
        self.setValidator(QRegularExpressionValidator(WHOLE if is_whole else BROKEN, self))
        self.textEdited.connect(self._on_text_edited)
        self.returnPressed.connect(self.settle)

    def show_number(self, number: float | None, usual: float | None, usual_words: str) -> None:
        """Show a number, and what is usual; what is being typed stays."""
        self._usual = usual
        self.setPlaceholderText(usual_words)
        self._shown = "" if number is None else f"{number:.12g}"
        if not self.isModified() and self.text() != self._shown:
            self.setText(self._shown)

    def show_trouble(self, why: str, otherwise: str = "") -> None:
        """Mark a number that cannot be, with the reason as the tooltip; `otherwise` stands there else."""
        self.setToolTip(why or otherwise)
        self.setAccessibleDescription(why or otherwise)
        if bool(why) != bool(self.property("wrong")):
            self.setProperty("wrong", bool(why))
            self.style().unpolish(self)
            self.style().polish(self)

    def settle(self) -> None:
        """Tell the number that was typed. Half of one is none: what held before the typing holds again."""
        if not self.isModified():
            return
        if self._is_readable():
            self._before = None
            self.setModified(False)
            self.number_given.emit(self._number())
        elif self._before is not None and self._has_told:
            self._take(self._before)
        else:
            self._before = None
            self.setText(self._shown)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaving the field settles it."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.settle()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step with the arrow keys; Escape brings back what held before typing."""
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if steps is not None:
            self._go(steps)
        elif event.key() == Qt.Key.Key_Escape and self._before is not None:
            self._take(self._before)
        else:
            super().keyPressEvent(event)

    def _go(self, steps: int) -> None:
        present = self._number() if self._is_readable() else None
        if present is None:
            present = self._usual
        lowest, highest = self._bounds
        number = lowest if present is None else present + steps * self._step
        self._take(f"{min(highest, max(lowest, number)):.12g}")

    def _take(self, text: str) -> None:
        self._before = None
        self.setText(text)
        self.number_given.emit(self._number())

    def _on_text_edited(self) -> None:
        if self._before is None:
            self._before, self._has_told = self._shown, False
        if self._is_readable():
            self._has_told = True
            self.number_typed.emit(self._number())

    def _is_readable(self) -> bool:
        """Whether the line is empty or a number; a sign or a point alone is neither."""
        return not self.text() or any(letter.isdigit() for letter in self.text())

    def _number(self) -> float | int | None:
        text = self.text().replace(",", ".")
        if not text:
            return None
        return int(text) if self._is_whole else float(text)
