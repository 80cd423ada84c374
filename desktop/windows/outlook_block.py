"""Whether the next render fits this machine: verdict, memory, time, and what to change where it does not."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.authoring.memory_plans import Planned
from desktop.authoring.running_render import A_RENDER_RUNS
from desktop.models.plan_words import (
    TONE_OF_VERDICT,
    given_up_words,
    memory_words,
    pace_words,
    time_words,
    verdict_on_device,
)
from desktop.models.tones import StatusTone, tone_colour
from desktop.panels.desk import Desk
from desktop.widgets.labels import ElidedLabel, TextTone, label, link_button
from desktop.widgets.memory_bar import MemoryBar
from desktop.widgets.status_dot import StatusDot
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import NoPlan

WIDTH_PX = 300
FACT_LINES = 3
MOST_CHANGES = 2


class OutlookBlock(QWidget):
    """Follows the outlook. Its height is the same while it is asked and when it fits, so nothing jumps."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._dot = StatusDot()
        self.verdict = ElidedLabel(TextTone.STRONG)
        self.memory = label(tone=TextTone.SECONDARY)
        self.bar = MemoryBar(desk.theme)
        self.facts = label(tone=TextTone.QUIET, wraps=True)
        self.facts.setFixedWidth(WIDTH_PX)
        self.facts.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.facts.setMinimumHeight(FACT_LINES * self.facts.fontMetrics().lineSpacing())
        self.smaller_button: QPushButton = link_button("")
        self.precision_button: QPushButton = link_button("")
        self._size: tuple[int, int] | None = None
        self._precision: Precision | None = None
        self._lay_out()
        desk.theme.theme_changed.connect(self.refresh)
        self.smaller_button.clicked.connect(self._on_smaller_clicked)
        self.precision_button.clicked.connect(self._on_precision_clicked)

    def refresh(self) -> None:
        """Show the newest outlook, or that it is being asked."""
        outlook, refused = self._desk.outlook, self._desk.choice.why_refused()
        if refused:
            self._show_words(self.tr("Not planned"), StatusTone.NONE, refused)
        elif outlook.planned is not None:
            self._show_planned(outlook.planned)
        elif outlook.is_asking:
            self._show_words(self.tr("Looking at this machine…"), StatusTone.WAITING)
        else:
            self._show_words(self.tr("Not planned"), StatusTone.NONE, outlook.trouble)
        self.setAccessibleName(
            " ".join(text for text in (self.verdict.text(), self.memory.text(), self.facts.text()) if text)
        )

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(6)
        first.addWidget(self._dot)
        first.addWidget(self.verdict, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(3)
        column.addLayout(first)
        column.addWidget(self.bar)
        column.addWidget(self.memory)
        column.addWidget(self.facts)
        column.addWidget(self.smaller_button)
        column.addWidget(self.precision_button)
        self.bar.setAccessibleName(self.tr("Memory of the card"))

    def _show_words(self, words: str, tone: StatusTone, facts: str = "") -> None:
        self._show_tone(tone)
        self.verdict.set_text(words)
        self.memory.clear()
        self.memory.show()
        self.bar.clear()
        self.facts.setText(facts or self._measured_words())
        self._offer(None, None)

    def _show_planned(self, planned: Planned) -> None:
        self._show_tone(TONE_OF_VERDICT[planned.verdict])
        self.verdict.set_text(verdict_on_device(planned))
        outcome = planned.outcome
        self.memory.setText("" if isinstance(outcome, NoPlan) else memory_words(outcome))
        self.memory.setVisible(bool(self.memory.text()))
        needed = outcome.least_bytes if isinstance(outcome, NoPlan) else outcome.peak_bytes
        self.bar.show_memory(needed, outcome.device_budget_bytes, planned.machine.now.device_total_bytes)
        if isinstance(outcome, NoPlan):
            facts: tuple[str, ...] = (outcome.reason, *self._changes(planned, outcome), self._others(planned))
        else:
            facts = (self._time(planned), pace_words(outcome), given_up_words(planned), self._others(planned))
        self.facts.setText("\n".join(text for text in facts if text))
        self._offer(planned.fitting_size, _precision(outcome) if isinstance(outcome, NoPlan) else None)

    def _changes(self, planned: Planned, refusal: NoPlan) -> tuple[str, ...]:
        """The first changes in words, but for those that there is a button for."""
        if not refusal.changes and planned.fitting_size is None:
            return (self.tr("Nothing that can be chosen here makes it fit."),)
        done_here = {
            change.sentence
            for change in refusal.settable
            if change.precision is not None or planned.fitting_size is not None
        }
        return tuple(change for change in refusal.changes[:MOST_CHANGES] if change not in done_here)

    def _time(self, planned: Planned) -> str:
        """What was measured goes before what is predicted."""
        measured = self._measured_words()
        if measured or planned.plan is None:
            return measured
        if planned.plan.seconds is None:
            return self.tr("How long it takes is not known yet.")
        return self.tr("About %s.") % time_words(planned.plan.seconds, self._desk.choice.take_count)

    def _measured_words(self) -> str:
        choice = self._desk.choice
        pace = choice.pace(self._desk.outlook.planned)
        if pace is None:
            return ""
        time = time_words(pace.seconds, choice.take_count)
        if pace.estimated_from == 0:
            return self.tr("Measured before: %s.") % time
        if pace.estimated_from == 1:
            return self.tr("About %s, estimated from 1 take.") % time
        return self.tr("About %s, estimated from %d takes.") % (time, pace.estimated_from)

    def _others(self, planned: Planned) -> str:
        return A_RENDER_RUNS if planned.render_runs or self._desk.queue.is_rendering else ""

    def _offer(self, size: tuple[int, int] | None, precision: Precision | None) -> None:
        self._size, self._precision = size, precision
        self.smaller_button.setVisible(size is not None)
        if size is not None:
            self.smaller_button.setText(self.tr("Render at %d × %d, which fits") % size)
        self.precision_button.setVisible(precision is not None)
        if precision is not None:
            self.precision_button.setText(self.tr("Compute in %s, which fits") % precision.value)

    def _show_tone(self, tone: StatusTone) -> None:
        self._dot.set_colour(tone_colour(tone, self._desk.theme.tokens))

    def _on_smaller_clicked(self) -> None:
        choice = self._desk.choice
        choice.set_size(None if self._size == choice.usual_size() else self._size)

    def _on_precision_clicked(self) -> None:
        choice = self._desk.choice
        choice.set_advanced(replace(choice.advanced, precision=self._precision))


def _precision(refusal: NoPlan) -> Precision | None:
    """Return the first precision with which it would fit."""
    return next((change.precision for change in refusal.settable if change.precision is not None), None)
