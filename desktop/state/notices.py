"""Messages for the user: one strip at a time, in place, with the remedy; and the log of all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from desktop.background.task_pool import report_of
from engine.protocol.errors import ErrorReport

LONGEST_LOG = 500


class Tone(StrEnum):
    """How a notice is meant."""

    NEWS = "news"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Something that can be done about it at once."""

    label: str
    act: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message, what to do next, and remedies that are a click away."""

    tone: Tone
    message: str
    next_step: str = ""
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the session's log."""

    at: datetime
    text: str
    tone: Tone


class Notices(QObject):
    """The notice that is shown, if any, and what was said before."""

    notice_changed = Signal()
    logged = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._notice: Notice | None = None
        self._lines: list[LogLine] = []

    @property
    def notice(self) -> Notice | None:
        """What the strip says now."""
        return self._notice

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """The session's log, the oldest first."""
        return tuple(self._lines)

    def show(self, notice: Notice) -> None:
        """Put a notice into the strip and into the log."""
        self._notice = notice
        self.log(f"{notice.message} {notice.next_step}".strip(), notice.tone)
        self.notice_changed.emit()

    def trouble(self, report: ErrorReport, *remedies: Remedy) -> None:
        """Show an error."""
        self.show(
            Notice(
                tone=Tone.TROUBLE,
                message=report.message,
                next_step=report.next_step,
                remedies=tuple(remedies),
            )
        )

    def failed(self, error: Exception, *remedies: Remedy) -> None:
        """Show what an exception means to a person; a fault of Masque's own goes to the log file."""
        self.trouble(report_of(error), *remedies)

    def dismiss(self) -> None:
        """Take the notice away."""
        if self._notice is not None:
            self._notice = None
            self.notice_changed.emit()

    def log(self, text: str, tone: Tone = Tone.NEWS) -> None:
        """Note something without showing it."""
        self._lines.append(LogLine(at=datetime.now().astimezone(), text=text, tone=tone))
        del self._lines[:-LONGEST_LOG]
        self.logged.emit()
