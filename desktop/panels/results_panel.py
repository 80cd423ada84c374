"""The dock at the bottom: queue, takes and log under one header."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPlainTextEdit,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.panels.desk import Desk
from desktop.panels.queue_panel import QueuePanel
from desktop.panels.takes_panel import TakesPanel
from desktop.widgets.dock_header import DockHeader


class LogView(QPlainTextEdit):
    """What was said in this session, with the time."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.setReadOnly(True)
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setAccessibleName(self.tr("Log"))
        desk.notices.logged.connect(self._show_lines)

    def _show_lines(self) -> None:
        lines = [f"{line.at:%H:%M:%S}  {line.text}" for line in self._desk.notices.lines]
        self.setPlainText("\n".join(lines))
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())


class ResultsPanel(QWidget):
    """Three pages chosen in the header; the header's buttons belong to the page."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.queue = QueuePanel(desk)
        self.takes = TakesPanel(desk)
        self.log = LogView(desk)
        self.header = DockHeader("")
        self.header.title.hide()
        self._pages = QStackedWidget()
        self._tabs: list[QToolButton] = []
        self._group = QButtonGroup(self)
        self._queue_buttons = QWidget()
        for page in (self.queue, self.takes, self.log):
            self._pages.addWidget(page)
            self._add_tab(page)
        self._fill_header()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._pages)
        self._bind()
        self.show_page(self.queue)

    def sizeHint(self) -> QSize:
        """As high as in the design."""
        return QSize(800, 120)

    def show_page(self, page: QWidget) -> None:
        """Show the queue, the takes or the log."""
        self._pages.setCurrentWidget(page)
        self._tabs[self._pages.indexOf(page)].setChecked(True)
        self._queue_buttons.setVisible(page is self.queue)

    def _add_tab(self, page: QWidget) -> None:
        tab = QToolButton()
        tab.setCheckable(True)
        tab.setProperty("tab", True)
        tab.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        tab.clicked.connect(lambda: self.show_page(page))
        self._group.addButton(tab)
        self._tabs.append(tab)

    def _fill_header(self) -> None:
        for tab in self._tabs:
            self.header.add_widget(tab, at_start=True)
        row = QHBoxLayout(self._queue_buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for widget in self.queue.header_widgets():
            row.addWidget(widget)
        self.header.add_widget(self._queue_buttons)

    def _bind(self) -> None:
        desk = self._desk
        for signal in (
            desk.queue.jobs_changed,
            desk.queue.job_changed,
            desk.session.takes_changed,
            desk.session.scene_chosen,
            desk.session.project_opened,
            desk.session.project_closed,
        ):
            signal.connect(self._show_counts)
        self._show_counts()

    def _show_counts(self) -> None:
        names = (self.tr("Queue"), self.tr("Takes"), self.tr("Log"))
        counts = (self._desk.queue.unfinished_count(), len(self._desk.session.scene_takes()), 0)
        for tab, name, count in zip(self._tabs, names, counts, strict=True):
            tab.setText(f"{name} {count}" if count else name)
