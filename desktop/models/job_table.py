"""The render queue as a table: what, which renderer, how far, how long, how it stands."""

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from desktop.models.roles import Role
from desktop.models.tones import TONE_OF_JOB, StatusTone
from desktop.models.words import duration_words, quality_word
from desktop.state.render_queue import RenderQueue
from engine.protocol.jobs import JobState, JobView

Index = QModelIndex | QPersistentModelIndex
JOB, RENDERER, PROGRESS, TIME, STATE = range(5)


class JobTableModel(QAbstractTableModel):
    """Rows in queue order; a job's own changes repaint its row only."""

    def __init__(self, queue: RenderQueue) -> None:
        super().__init__()
        self._queue = queue
        self._jobs: list[JobView] = list(queue.jobs())
        queue.jobs_changed.connect(self._on_jobs_changed)
        queue.job_changed.connect(self._on_job_changed)
        queue.link_changed.connect(self._on_jobs_changed)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """One row for each job."""
        return 0 if parent.isValid() else len(self._jobs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Five columns."""
        return 0 if parent.isValid() else 5

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Name the columns for those who hear them."""
        if role != Qt.ItemDataRole.DisplayRole or orientation is Qt.Orientation.Vertical:
            return None
        names = (self.tr("Job"), self.tr("Renderer"), self.tr("Progress"), self.tr("Time"), self.tr("State"))
        return names[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a cell shows."""
        job = self._jobs[index.row()]
        values = {
            Role.ID: job.job_id,
            Role.TONE: StatusTone.WAITING if self._queue.is_stranded(job) else TONE_OF_JOB[job.state],
            Role.SHARE: share_done(job),
            Role.FIRST_WORDS: job.scene_name,
        }
        if role in values:
            return values[Role(role)]
        if role == Qt.ItemDataRole.ToolTipRole and job.error is not None:
            return job.error.sentence()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(job, index.column())
        return None

    def job(self, row: int) -> JobView | None:
        """Return the job of a row."""
        return self._jobs[row] if 0 <= row < len(self._jobs) else None

    def row_of(self, job_id: str) -> int:
        """Return a job's row, -1 without one."""
        return next((row for row, job in enumerate(self._jobs) if job.job_id == job_id), -1)

    def _text(self, job: JobView, column: int) -> str:
        if column == JOB:
            return self.tr("take %d · seed %d") % (job.take_number, job.seed)
        if column == RENDERER:
            return quality_word(job.renderer)
        if column == PROGRESS:
            return f"{round(share_done(job) * 100)} %"
        return self._time_text(job) if column == TIME else self._state_text(job)

    def _time_text(self, job: JobView) -> str:
        progress = job.progress
        if job.state is JobState.DONE:
            return self.tr("%d frames") % max(progress.frame_count, progress.frames_done)
        if not progress.frame_count:
            return ""
        if job.state is JobState.QUEUED and not progress.frames_done:
            return self.tr("%d frames") % progress.frame_count
        frames = self.tr("frame %d of %d") % (progress.frames_done, progress.frame_count)
        if job.state is not JobState.RUNNING or progress.seconds_left is None:
            return frames
        return f"{frames} · " + self.tr("%s left") % duration_words(progress.seconds_left)

    def _state_text(self, job: JobView) -> str:
        if self._queue.is_stranded(job):
            return self.tr("waiting for the engine")
        if job.state is JobState.RUNNING:
            return job.progress.phase.lower() or self.tr("running")
        if job.state is JobState.FAILED and job.error is not None:
            return self.tr("failed: %s") % job.error.sentence()
        words = {
            JobState.QUEUED: self.tr("queued"),
            JobState.PAUSED: self.tr("paused"),
            JobState.DONE: self.tr("done"),
            JobState.FAILED: self.tr("failed"),
            JobState.CANCELLED: self.tr("cancelled"),
        }
        return words[job.state]

    def _on_jobs_changed(self) -> None:
        self.beginResetModel()
        self._jobs = list(self._queue.jobs())
        self.endResetModel()

    def _on_job_changed(self, job_id: str) -> None:
        row, job = self.row_of(job_id), self._queue.job(job_id)
        if row >= 0 and job is not None:
            self._jobs[row] = job
            self.dataChanged.emit(self.index(row, 0), self.index(row, STATE))


def share_done(job: JobView) -> float:
    """Return how much of a job is done, 0 to 1."""
    if job.state is JobState.DONE:
        return 1.0
    return job.progress.done
