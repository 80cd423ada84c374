"""The scenes of the project: choose one, add stills, rename, reorder, remove."""

from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QMenu

from desktop.models.roles import Role
from desktop.models.scene_list import SceneListModel
from desktop.panels.desk import Desk
from desktop.panels.row_painting import SceneDelegate
from desktop.widgets.dock_page import DockList


class ScenesPanel(DockList):
    """A list that follows the session; stills can be dropped on it."""

    stills_wanted = Signal()
    removal_wanted = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            self.tr("Scenes"),
            desk.theme,
            add_text=self.tr("Add scene from a still"),
            choose_text=self.tr("Choose a still…"),
            delegate=SceneDelegate(desk.theme),
            takes_files=lambda: desk.session.is_open,
        )
        self._desk = desk
        self.model = SceneListModel(desk.session, desk.queue, desk.looks)
        self._set_up_view()
        self.add_wanted.connect(self.stills_wanted)
        self.files_dropped.connect(self._add_files)
        desk.session.scene_chosen.connect(self._show_chosen)
        self.model.modelReset.connect(self._show_chosen)
        self._show_chosen()

    def sizeHint(self) -> QSize:
        """As wide as in the design."""
        return QSize(216, 290)

    def _set_up_view(self) -> None:
        self.view.setModel(self.model)
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

    def _add_files(self, files: list[str]) -> None:
        self._desk.imports.add_scenes([Path(file) for file in files])

    def _on_current_changed(self) -> None:
        index = self.view.currentIndex()
        if index.isValid():
            self._desk.session.choose_scene(index.data(Role.ID))

    def _show_chosen(self) -> None:
        session = self._desk.session
        self.choose_button.setVisible(session.is_open)
        self.show_body(
            bool(session.scenes),
            otherwise=self.tr("Drop a still here, or choose one.")
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
