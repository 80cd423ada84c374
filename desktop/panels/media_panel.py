"""The project's driving clips and voices: drag one onto a track, or add it to the selected character."""

from pathlib import Path

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtWidgets import QListView

from desktop.models.media_list import MediaListModel
from desktop.models.roles import Role
from desktop.panels.desk import Desk
from desktop.panels.row_painting import MediaDelegate
from desktop.widgets.dock_page import DockList
from desktop.widgets.timeline.view import MEDIA_MIME


class MediaPanel(DockList):
    """A grid of media; double click or return puts one on the selected character at the playhead."""

    media_wanted = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            self.tr("Media"),
            desk.theme,
            add_text=self.tr("Add clips and voices"),
            choose_text=self.tr("Choose media…"),
            delegate=MediaDelegate(desk.theme),
            takes_files=lambda: desk.session.is_open,
        )
        self._desk = desk
        self.model = MediaListModel(desk.session, desk.looks, mime_type=MEDIA_MIME)
        self._set_up_view()
        self.add_wanted.connect(self.media_wanted)
        self.files_dropped.connect(self._add_files)
        self.model.modelReset.connect(self._show_rows)
        self._show_rows()

    def sizeHint(self) -> QSize:
        """As wide as in the design."""
        return QSize(216, 140)

    def _set_up_view(self) -> None:
        self.view.setModel(self.model)
        self.view.setWrapping(True)
        self.view.setFlow(QListView.Flow.LeftToRight)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        self.view.setDragEnabled(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.view.setContentsMargins(8, 0, 8, 0)
        self.view.setViewportMargins(6, 0, 0, 0)
        self.view.activated.connect(self._on_activated)

    def _add_files(self, files: list[str]) -> None:
        self._desk.imports.add_media([Path(file) for file in files])

    def _on_activated(self, index: QModelIndex) -> None:
        asset = self._desk.session.assets.get(index.data(Role.ID))
        character_id = self._desk.selection.character_id
        if asset is not None and character_id is not None:
            self._desk.imports.place_asset(character_id, asset, self._desk.playback.frame)

    def _show_rows(self) -> None:
        is_open = self._desk.session.is_open
        self.choose_button.setVisible(is_open)
        self.show_body(
            self.model.rowCount() > 0,
            otherwise=self.tr("Drop driving clips and voices here, or choose some.")
            if is_open
            else self.tr("Driving clips and voices show here."),
        )
