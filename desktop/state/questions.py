"""Questions that need a line of text; the window shows them as a strip, never as a dialog."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, what stands in the line at first, the word on the button, who gets the answer."""

    text: str
    initial: str
    accept: str
    answer: Callable[[str], None]


class Questions(QObject):
    """One question at a time: a new one takes the place of the one before."""

    asked = Signal(object)

    def ask(self, text: str, *, initial: str, accept: str, answer: Callable[[str], None]) -> None:
        """Ask the user."""
        self.asked.emit(Question(text=text, initial=initial, accept=accept, answer=answer))
