"""The scenes of the project: choose one, add stills, rename, reorder, remove."""

from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QListView, QMenu, QStackedWidget, QVBoxLayout, QWidget

from desktop.models.roles import Role
from desktop.models.scene_list import SceneListModel
from desktop.panels.desk import Desk
from desktop.panels.row_painting import SceneDelegate
from desktop.widgets.dock_header import DockHeader, action_button
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.stage.view import local_files


class ScenesPanel(QWidget):
    """A list that follows the session; stills can be dropped on it."""

    stills_wanted = Signal()
    removal_wanted = Signal(str)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.setAcceptDrops(True)
        self.header = DockHeader(self.tr("Scenes"))
        self.add_action = QAction(self.tr("Add scene from a still"), self)
        self.add_action.triggered.connect(self.stills_wanted)
        self.header.add_widget(action_button(self.add_action))
        self.model = SceneListModel(desk.session, desk.queue, desk.looks)
        self._delegate = SceneDelegate(desk.theme)
        self.view = QListView()
        self._set_up_view()
        self._empty = EmptyState("", self.tr("Drop a still here, or choose one."))
        self._choose_button = self._empty.add_button(self.tr("Choose a still…"))
        self._choose_button.clicked.connect(self.stills_wanted)
        self._empty.files_dropped.connect(self._on_files_dropped)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        desk.session.scene_chosen.connect(self._show_chosen)
        self.model.modelReset.connect(self._show_chosen)
        desk.theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()
        self._show_chosen()

    def sizeHint(self) -> QSize:
        """As wide as in the design."""
        return QSize(216, 290)

    def minimumSizeHint(self) -> QSize:
        """Narrower on a small screen."""
        return QSize(160, 60)

    def _set_up_view(self) -> None:
        self.view.setModel(self.model)
        self.view.setItemDelegate(self._delegate)
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setAccessibleName(self.tr("Scenes"))
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._on_menu_wanted)
        self.view.selectionModel().currentChanged.connect(self._on_current_changed)
        self.view.doubleClicked.connect(self.rename_chosen)

    def rename_chosen(self) -> None:
        """Ask for the chosen scene's new name."""
        scene = self._desk.session.scene
        if scene is not None:
            self._desk.questions.ask(
                self.tr("Scene name"),
                initial=scene.name,
                accept=self.tr("Rename"),
                answer=lambda name: self._desk.scenes.rename(scene.id, name),
            )

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls() and self._desk.session.is_open:
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls() and self._desk.session.is_open:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Make a scene of each dropped still."""
        self._on_files_dropped(local_files(event.mimeData()))
        event.acceptProposedAction()

    def _on_files_dropped(self, files: list[str]) -> None:
        if self._desk.session.is_open:
            self._desk.imports.add_scenes([Path(file) for file in files])

    def _on_current_changed(self) -> None:
        index = self.view.currentIndex()
        if index.isValid():
            self._desk.session.choose_scene(index.data(Role.ID))

    def _show_chosen(self) -> None:
        session = self._desk.session
        self._stack.setCurrentWidget(self.view if session.scenes else self._empty)
        self._choose_button.setVisible(session.is_open)
        self._empty.say(
            "",
            self.tr("Drop a still here, or choose one.")
            if session.is_open
            else self.tr("The scenes of a project show here."),
        )
        row = self.model.row_of(session.scene.id if session.scene else None)
        if row >= 0 and self.view.currentIndex().row() != row:
            self.view.setCurrentIndex(self.model.index(row))

    def _on_menu_wanted(self, at: QPoint) -> None:
        scene = self._desk.session.scene
        if scene is None or not self.view.indexAt(at).isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Rename…"), self.rename_chosen)
        menu.addAction(self.tr("Move up"), lambda: self._desk.scenes.move(scene.id, -1))
        menu.addAction(self.tr("Move down"), lambda: self._desk.scenes.move(scene.id, 1))
        menu.addSeparator()
        menu.addAction(self.tr("Remove scene…"), lambda: self.removal_wanted.emit(scene.id))
        menu.popup(self.view.viewport().mapToGlobal(at))

    def _on_theme_changed(self) -> None:
        self.add_action.setIcon(self._desk.theme.icon("add"))
        self.view.viewport().update()
