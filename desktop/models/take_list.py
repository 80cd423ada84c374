"""The chosen scene's takes, the newest first."""

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from desktop.authoring.take_origin import TakeOrigin, take_origin
from desktop.models.roles import Role
from desktop.models.take_words import made_by_words, making_words, memory_words_of
from desktop.models.tones import TONE_OF_TAKE, StatusTone
from desktop.state.project_session import ProjectSession
from desktop.state.render_queue import RenderQueue
from engine.protocol.jobs import JobState
from projects_db.records import TakeRecord, TakeStatus

Index = QModelIndex | QPersistentModelIndex


class TakeListModel(QAbstractListModel):
    """Rows follow the session."""

    def __init__(self, session: ProjectSession, queue: RenderQueue) -> None:
        super().__init__()
        self._session = session
        self._queue = queue
        self._takes: tuple[TakeRecord, ...] = ()
        self._origins: dict[str, TakeOrigin] = {}
        for signal in (
            session.project_opened,
            session.project_closed,
            session.scene_chosen,
            session.takes_changed,
        ):
            signal.connect(self._on_takes_changed)
        queue.job_changed.connect(self._on_jobs_changed)
        queue.jobs_changed.connect(self._on_jobs_changed)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """One row for each take."""
        return 0 if parent.isValid() else len(self._takes)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a row shows."""
        take = self._takes[index.row()]
        values: dict[int, object] = {
            Role.ID: take.id,
            Role.TONE: StatusTone.RUNNING if self._is_running(take) else TONE_OF_TAKE[take.status],
            Role.FIRST_WORDS: self.tr("Take %d") % take.number,
            Role.SECOND_LINE: "★" * take.rating,
            Qt.ItemDataRole.DisplayRole: self._line(take),
            Qt.ItemDataRole.AccessibleTextRole: self._line(take),
            Qt.ItemDataRole.ToolTipRole: take.error or take.notes or None,
            Role.THIRD_LINE: making_words(self._origins[take.id]),
            Role.FOURTH_LINE: memory_words_of(self._origins[take.id]),
        }
        return values.get(role)

    def take(self, row: int) -> TakeRecord | None:
        """Return the take of a row."""
        return self._takes[row] if 0 <= row < len(self._takes) else None

    def row_of(self, take_id: str | None) -> int:
        """Return a take's row, -1 without one."""
        return next((row for row, take in enumerate(self._takes) if take.id == take_id), -1)

    def _is_running(self, take: TakeRecord) -> bool:
        job = self._queue.job_of_take(take.id)
        return job is not None and job.state is JobState.RUNNING

    def _line(self, take: TakeRecord) -> str:
        when = take.created_at.astimezone().strftime("%d %b %H:%M")
        made = made_by_words(self._origins[take.id])
        return " · ".join([self._word(take), made, self.tr("seed %d") % take.seed, when])

    def _word(self, take: TakeRecord) -> str:
        if self._is_running(take):
            return self.tr("rendering")
        words = {
            TakeStatus.QUEUED: self.tr("queued"),
            TakeStatus.DONE: self.tr("done"),
            TakeStatus.FAILED: self.tr("failed"),
            TakeStatus.CANCELLED: self.tr("cancelled"),
        }
        return words[take.status]

    def _on_takes_changed(self) -> None:
        self.beginResetModel()
        self._takes = self._session.scene_takes()
        self._origins = {take.id: take_origin(take) for take in self._takes}
        self.endResetModel()

    def _on_jobs_changed(self) -> None:
        if self._takes:
            self.dataChanged.emit(self.index(0), self.index(len(self._takes) - 1))
