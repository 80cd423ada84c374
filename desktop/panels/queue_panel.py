"""The render queue: what runs, what waits, what came of it; with the newest finished frame beside it."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAction, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QStackedWidget,
    QTableView,
    QToolButton,
    QWidget,
)

from desktop.commands.renders import CANCELLABLE, PAUSABLE, RETRIABLE
from desktop.models.job_table import JOB, PROGRESS, RENDERER, TIME, JobTableModel
from desktop.panels.desk import Desk
from desktop.panels.row_painting import JobDelegate, paint_picture
from desktop.widgets.dock_header import action_button
from desktop.widgets.empty_state import EmptyState
from engine.protocol.jobs import WAITING_STATES, JobState, JobView

COLUMN_PX = {JOB: 280, RENDERER: 90, PROGRESS: 186, TIME: 230}
PREVIEW_PX = QSize(150, 96)


class PreviewPicture(QWidget):
    """A small picture of a frame."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self.setFixedWidth(PREVIEW_PX.width() + 20)
        self.setAccessibleName(self.tr("Newest finished frame"))
        self.hide()

    def show_image(self, image: QImage | None) -> None:
        """Show a picture, or nothing."""
        self._image = image
        self.setVisible(image is not None)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it, as large as there is room."""
        if self._image is None:
            return
        room = QSize(PREVIEW_PX.width(), min(PREVIEW_PX.height(), self.height() - 12))
        size = self._image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        painter = QPainter(self)
        frame = QRect(QPoint(self.width() - size.width() - 12, 6), size)
        paint_picture(painter, frame, self._image, "#000000")
        painter.end()


class QueuePanel(QWidget):
    """A table of jobs; what can be done with the selected one is in its menu and in the header's buttons."""

    render_wanted = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.model = JobTableModel(desk.queue)
        self._delegate = JobDelegate(desk.theme)
        self.view = QTableView()
        self.preview = PreviewPicture()
        self._set_up_view()
        self.pause_action = self._action(
            self.tr("Pause or resume job"), "pause", desk.renders.pause_or_resume
        )
        self.cancel_action = self._action(self.tr("Cancel job"), "close", desk.renders.cancel)
        self.retry_action = self._action(self.tr("Try again"), "retry", desk.renders.retry)
        self.up_action = self._action(self.tr("Move up"), "up", lambda job: desk.renders.move(job, -1))
        self.down_action = self._action(self.tr("Move down"), "down", lambda job: desk.renders.move(job, 1))
        self.pause_queue_action = QAction(self.tr("Pause queue"), self)
        self.pause_queue_action.triggered.connect(desk.renders.pause_or_resume_queue)
        self.clear_action = QAction(self.tr("Clear finished"), self)
        self.clear_action.triggered.connect(desk.renders.clear_finished)
        self._empty = EmptyState(
            "", self.tr("The queue is empty. Queue a render of this scene to see it here.")
        )
        self._render_button = self._empty.add_button(self.tr("Queue render"), as_link=True)
        self._render_button.clicked.connect(self.render_wanted)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._empty)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._stack, 1)
        row.addWidget(self.preview)
        self._bind()
        self.refresh()

    def header_widgets(self) -> list[QWidget]:
        """Return the buttons for the dock's header."""
        actions = (self.up_action, self.down_action, self.pause_action, self.retry_action, self.cancel_action)
        buttons: list[QWidget] = [action_button(action) for action in actions]
        for action in (self.clear_action, self.pause_queue_action):
            button = QToolButton()
            button.setDefaultAction(action)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
            buttons.append(button)
        return buttons

    def selected_job(self) -> JobView | None:
        """Return the job of the selected row."""
        rows = self.view.selectionModel().selectedRows()
        return self.model.job(rows[0].row()) if rows else None

    def select_job(self, job_id: str) -> None:
        """Select a job's row."""
        row = self.model.row_of(job_id)
        if row >= 0:
            self.view.selectRow(row)

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self.model)
        view.setItemDelegate(self._delegate)
        view.setShowGrid(False)
        view.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        view.setTabKeyNavigation(False)
        view.setWordWrap(False)
        view.setMouseTracking(True)
        view.setAccessibleName(self.tr("Render queue"))
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(25)
        view.horizontalHeader().hide()
        view.horizontalHeader().setStretchLastSection(True)
        view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for column, width in COLUMN_PX.items():
            view.setColumnWidth(column, width)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._on_menu_wanted)

    def _bind(self) -> None:
        desk = self._desk
        for signal in (
            desk.queue.jobs_changed,
            desk.queue.job_changed,
            desk.queue.queue_changed,
            desk.queue.link_changed,
            desk.session.scene_chosen,
            desk.session.project_opened,
            desk.session.project_closed,
            desk.theme.theme_changed,
        ):
            signal.connect(self.refresh)
        self.view.selectionModel().selectionChanged.connect(self.refresh)
        desk.queue.preview_changed.connect(self._show_preview)
        desk.renders.render_queued.connect(lambda job: self.select_job(job.job_id))

    def refresh(self) -> None:
        """Offer what can be done now."""
        job, theme, has_jobs = self.selected_job(), self._desk.theme, self.model.rowCount() > 0
        self._stack.setCurrentWidget(self.view if has_jobs else self._empty)
        self._render_button.setVisible(self._desk.session.scene is not None)
        state = job.state if job else None
        is_paused = state is JobState.PAUSED
        self.pause_action.setText(self.tr("Resume job") if is_paused else self.tr("Pause job"))
        self.pause_action.setEnabled(is_paused or state in PAUSABLE)
        self.cancel_action.setEnabled(state in CANCELLABLE)
        self.retry_action.setEnabled(state in RETRIABLE)
        self.up_action.setEnabled(state in WAITING_STATES)
        self.down_action.setEnabled(state in WAITING_STATES)
        paused = self._desk.queue.paused
        self.pause_queue_action.setText(self.tr("Resume queue") if paused else self.tr("Pause queue"))
        for action, icon in (
            (self.pause_action, "play" if is_paused else "pause"),
            (self.cancel_action, "close"),
            (self.retry_action, "retry"),
            (self.up_action, "up"),
            (self.down_action, "down"),
        ):
            action.setIcon(theme.icon(icon))
        self._show_preview()

    def _show_preview(self, *_: object) -> None:
        jobs = self._desk.queue.jobs()
        running = next((job for job in jobs if job.state is JobState.RUNNING), None)
        preview = self._desk.queue.preview(running.job_id) if running else None
        self.preview.show_image(QImage.fromData(preview.jpeg) if preview else None)

    def _action(self, text: str, icon: str, act: Callable[[JobView], None]) -> QAction:
        action = QAction(self._desk.theme.icon(icon), text, self)
        action.triggered.connect(lambda: self._on_selected(act))
        return action

    def _on_selected(self, act: Callable[[JobView], None]) -> None:
        job = self.selected_job()
        if job is not None:
            act(job)

    def _on_menu_wanted(self, at: QPoint) -> None:
        if not self.view.indexAt(at).isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in (self.pause_action, self.cancel_action, self.retry_action):
            menu.addAction(action)
        menu.addSeparator()
        menu.addActions([self.up_action, self.down_action])
        menu.popup(self.view.viewport().mapToGlobal(at))
