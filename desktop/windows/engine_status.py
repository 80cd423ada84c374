"""The status bar: the engine in a dot and words, the queue's time, and that everything is saved."""

from PySide6.QtWidgets import QHBoxLayout, QStatusBar, QWidget

from desktop.engine_link.engine_link import LinkState
from desktop.models.words import duration_words
from desktop.panels.desk import Desk
from desktop.widgets.labels import TextTone, label, link_button
from desktop.widgets.status_dot import StatusDot


class EngineStatusBar(QStatusBar):
    """Binds to the queue and the session."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.setSizeGripEnabled(False)
        self.setFixedHeight(24)
        self._dot = StatusDot()
        self.engine = label(tone=TextTone.SECONDARY)
        self.start_button = link_button(self.tr("Start"))
        self.queue = label(tone=TextTone.SECONDARY)
        self.saved = label(tone=TextTone.SECONDARY)
        self.setContentsMargins(8, 0, 8, 0)
        left = QWidget()
        row = QHBoxLayout(left)
        row.setContentsMargins(4, 0, 0, 0)
        row.setSpacing(6)
        for widget in (self._dot, self.engine, self.start_button):
            row.addWidget(widget)
        row.addSpacing(16)
        row.addWidget(self.queue)
        self.addWidget(left)
        self.addPermanentWidget(self.saved)
        self.start_button.clicked.connect(desk.link.start_engine)
        self._bind()
        self.refresh()

    def refresh(self) -> None:
        """Say how things are."""
        queue, tokens = self._desk.queue, self._desk.theme.tokens
        state = queue.link_state
        words = {
            LinkState.NOT_RUNNING: self.tr("Engine asleep, wakes for a render"),
            LinkState.STARTING: self.tr("Engine starting"),
            LinkState.READY: self.tr("Engine ready"),
            LinkState.LOST: self.tr("Engine gone"),
        }
        colours = {
            LinkState.NOT_RUNNING: tokens.faint,
            LinkState.STARTING: tokens.waiting,
            LinkState.READY: tokens.good,
            LinkState.LOST: tokens.failed,
        }
        needs_answer = queue.status is not None and queue.status.needs_answer
        self.engine.setText(
            self.tr("Engine ready, was interrupted: resume the queue") if needs_answer else words[state]
        )
        self._dot.set_colour(colours[state])
        self.start_button.setVisible(state in (LinkState.NOT_RUNNING, LinkState.LOST))
        self.queue.setText(self._queue_words())
        self.saved.setText(self.tr("All changes saved") if self._desk.session.is_open else "")

    def _queue_words(self) -> str:
        queue = self._desk.queue
        count = queue.unfinished_count()
        if queue.link_state is not LinkState.READY or not count:
            return ""
        if queue.paused:
            return self.tr("Queue: paused, %d waiting") % count
        seconds = queue.seconds_left()
        if seconds is None:
            return self.tr("Queue: %d to render") % count
        left = self.tr("%s left in this render") % duration_words(seconds)
        return self.tr("Queue: %s") % left if count == 1 else self.tr("Queue: %d, %s") % (count, left)

    def _bind(self) -> None:
        queue, session = self._desk.queue, self._desk.session
        for signal in (
            queue.link_changed,
            queue.jobs_changed,
            queue.job_changed,
            queue.queue_changed,
            session.project_opened,
            session.project_closed,
            self._desk.theme.theme_changed,
        ):
            signal.connect(self.refresh)
