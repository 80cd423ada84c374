"""The project's driving clips and voices: drag one onto a track, or add it to the selected character."""

from pathlib import Path

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QListView, QStackedWidget, QVBoxLayout, QWidget

from desktop.models.media_list import MediaListModel
from desktop.models.roles import Role
from desktop.panels.desk import Desk
from desktop.panels.row_painting import MediaDelegate
from desktop.widgets.dock_header import DockHeader, action_button
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.stage.view import local_files
from desktop.widgets.timeline.view import MEDIA_MIME


class MediaPanel(QWidget):
    """A grid of media; double click or return puts one on the selected character at the playhead."""

    media_wanted = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.setAcceptDrops(True)
        self.header = DockHeader(self.tr("Media"))
        self.add_action = QAction(self.tr("Add clips and voices"), self)
        self.add_action.triggered.connect(self.media_wanted)
        self.header.add_widget(action_button(self.add_action))
        self.model = MediaListModel(desk.session, desk.looks, mime_type=MEDIA_MIME)
        self._delegate = MediaDelegate(desk.theme)
        self.view = QListView()
        self._set_up_view()
        self._empty = EmptyState("", self.tr("Drop driving clips and voices here, or choose some."))
        self._choose_button = self._empty.add_button(self.tr("Choose media…"))
        self._choose_button.clicked.connect(self.media_wanted)
        self._empty.files_dropped.connect(self._on_files_dropped)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        self.model.modelReset.connect(self._show_empty)
        desk.theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()
        self._show_empty()

    def sizeHint(self) -> QSize:
        """As wide as in the design."""
        return QSize(216, 140)

    def minimumSizeHint(self) -> QSize:
        """Narrower on a small screen."""
        return QSize(160, 60)

    def _set_up_view(self) -> None:
        self.view.setModel(self.model)
        self.view.setItemDelegate(self._delegate)
        self.view.setMouseTracking(True)
        self.view.setWrapping(True)
        self.view.setFlow(QListView.Flow.LeftToRight)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        self.view.setUniformItemSizes(True)
        self.view.setDragEnabled(True)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.view.setAccessibleName(self.tr("Media"))
        self.view.setContentsMargins(8, 0, 8, 0)
        self.view.setViewportMargins(6, 0, 0, 0)
        self.view.activated.connect(self._on_activated)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls() and self._desk.session.is_open:
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls() and self._desk.session.is_open:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add the files to the project."""
        self._on_files_dropped(local_files(event.mimeData()))
        event.acceptProposedAction()

    def _on_files_dropped(self, files: list[str]) -> None:
        if self._desk.session.is_open:
            self._desk.imports.add_media([Path(file) for file in files])

    def _on_activated(self, index: QModelIndex) -> None:
        asset = self._desk.session.assets.get(index.data(Role.ID))
        character_id = self._desk.selection.character_id
        if asset is not None and character_id is not None:
            self._desk.imports.place_asset(character_id, asset, self._desk.playback.frame)

    def _show_empty(self) -> None:
        has_rows = self.model.rowCount() > 0
        self._stack.setCurrentWidget(self.view if has_rows else self._empty)
        is_open = self._desk.session.is_open
        self._choose_button.setVisible(is_open)
        self._empty.say(
            "",
            self.tr("Drop driving clips and voices here, or choose some.")
            if is_open
            else self.tr("Driving clips and voices show here."),
        )

    def _on_theme_changed(self) -> None:
        self.add_action.setIcon(self._desk.theme.icon("add"))
        self.view.viewport().update()
