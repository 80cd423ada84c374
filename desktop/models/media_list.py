"""The project's driving clips and voices as a list that can be dragged onto a track."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt

from desktop.models.roles import Role
from desktop.models.words import duration_words
from desktop.state.media_looks import MediaLooks
from desktop.state.project_session import ProjectSession
from projects_db.records import MediaAssetRecord, MediaKind

Index = QModelIndex | QPersistentModelIndex


class MediaListModel(QAbstractListModel):
    """Rows follow the session. Dragged rows carry their asset ids, one to a line."""

    def __init__(self, session: ProjectSession, looks: MediaLooks, *, mime_type: str) -> None:
        super().__init__()
        self._session = session
        self._looks = looks
        self._mime_type = mime_type
        self._assets: list[MediaAssetRecord] = []
        for signal in (session.project_opened, session.project_closed, session.media_changed):
            signal.connect(self._on_media_changed)
        looks.looks_changed.connect(self._on_looks_changed)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """One row for each video and sound."""
        return 0 if parent.isValid() else len(self._assets)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a row shows."""
        asset = self._assets[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return asset.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{asset.name}\n{self._length_words(asset)}"
        if role == Role.ID:
            return asset.id
        if role == Role.SECOND_LINE:
            return self.tr("missing") if asset.missing else self._length_words(asset)
        if role == Role.PICTURE:
            return self._looks.art(asset)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Rows can be dragged."""
        return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        """Asset ids."""
        return [self._mime_type]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """Return the dragged rows' asset ids."""
        data = QMimeData()
        ids = "\n".join(self._assets[index.row()].id for index in indexes)
        data.setData(self._mime_type, ids.encode())
        return data

    def _length_words(self, asset: MediaAssetRecord) -> str:
        length = asset.probe.duration_s
        return duration_words(float(length)) if length is not None else ""

    def _on_media_changed(self) -> None:
        self.beginResetModel()
        self._assets = [a for a in self._session.assets.values() if a.kind is not MediaKind.IMAGE]
        self.endResetModel()

    def _on_looks_changed(self) -> None:
        if self._assets:
            self.dataChanged.emit(self.index(0), self.index(len(self._assets) - 1))
