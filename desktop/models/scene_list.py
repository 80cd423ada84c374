"""The project's scenes as a list, each with a word about its renders."""

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from desktop.models.roles import Role
from desktop.models.tones import StatusTone
from desktop.state.media_looks import MediaLooks
from desktop.state.project_session import ProjectSession
from desktop.state.render_queue import RenderQueue
from engine.protocol.jobs import WAITING_STATES, JobState
from projects_db.records import SceneSummary, TakeStatus

Index = QModelIndex | QPersistentModelIndex


class SceneListModel(QAbstractListModel):
    """Rows follow the session; the status follows the queue."""

    def __init__(self, session: ProjectSession, queue: RenderQueue, looks: MediaLooks) -> None:
        super().__init__()
        self._session = session
        self._queue = queue
        self._looks = looks
        self._scenes: tuple[SceneSummary, ...] = ()
        self._statuses: dict[str, tuple[str, StatusTone]] = {}
        for signal in (session.project_opened, session.project_closed, session.scenes_changed):
            signal.connect(self._on_scenes_changed)
        for signal in (
            session.takes_changed,
            queue.jobs_changed,
            queue.job_changed,
            queue.link_changed,
            looks.looks_changed,
        ):
            signal.connect(self._on_status_changed)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """One row for each scene."""
        return 0 if parent.isValid() else len(self._scenes)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a row shows."""
        scene = self._scenes[index.row()]
        if role == Role.PICTURE:
            asset = self._session.assets.get(scene.plate_asset_id)
            art = self._looks.art(asset) if asset else None
            return art.thumbnail if art else None
        words, tone = self._status(scene)
        values: dict[int, object] = {
            Qt.ItemDataRole.DisplayRole: scene.name,
            Qt.ItemDataRole.AccessibleTextRole: f"{scene.name}, {words}",
            Role.ID: scene.id,
            Role.SECOND_LINE: words,
            Role.TONE: tone,
        }
        return values.get(role)

    def row_of(self, scene_id: str | None) -> int:
        """Return a scene's row, -1 without one."""
        return next((row for row, scene in enumerate(self._scenes) if scene.id == scene_id), -1)

    def _status(self, scene: SceneSummary) -> tuple[str, StatusTone]:
        if not self._statuses:
            self._statuses = self._all_statuses()
        return self._statuses.get(scene.id, (self.tr("draft only"), StatusTone.NONE))

    def _all_statuses(self) -> dict[str, tuple[str, StatusTone]]:
        statuses: dict[str, tuple[str, StatusTone]] = {"": ("", StatusTone.NONE)}
        done: dict[str, int] = {}
        for take in self._session.takes:
            if take.status is TakeStatus.DONE:
                done[take.scene_id] = done.get(take.scene_id, 0) + 1
            elif take.status is TakeStatus.FAILED:
                statuses[take.scene_id] = (self.tr("render failed"), StatusTone.FAILED)
        for scene_id, count in done.items():
            words = self.tr("1 take") if count == 1 else self.tr("%d takes") % count
            statuses[scene_id] = (words, StatusTone.GOOD)
        for job in self._queue.jobs():
            if job.state is JobState.RUNNING and self._queue.is_stranded(job):
                statuses[job.scene_id] = (self.tr("interrupted"), StatusTone.WAITING)
            elif job.state is JobState.RUNNING:
                share = self.tr("rendering %d %%") % int(100 * job.progress.done)
                statuses[job.scene_id] = (share, StatusTone.RUNNING)
            elif job.state in WAITING_STATES and _tone(statuses, job.scene_id) is not StatusTone.RUNNING:
                word = self.tr("queued") if job.state is JobState.QUEUED else self.tr("paused")
                statuses[job.scene_id] = (word, StatusTone.WAITING)
        return statuses

    def _on_scenes_changed(self) -> None:
        self.beginResetModel()
        self._scenes = self._session.scenes
        self._statuses = {}
        self.endResetModel()

    def _on_status_changed(self) -> None:
        self._statuses = {}
        if self._scenes:
            self.dataChanged.emit(self.index(0), self.index(len(self._scenes) - 1))


def _tone(statuses: dict[str, tuple[str, StatusTone]], scene_id: str) -> StatusTone:
    return statuses.get(scene_id, ("", StatusTone.NONE))[1]
