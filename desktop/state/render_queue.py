"""The engine's queue as the window knows it, kept current by the engine's events."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from desktop.engine_link.engine_link import EngineLink, LinkState
from engine.protocol.jobs import FINISHED_STATES, WAITING_STATES, JobState, JobView, QueueStatus
from engine.protocol.messages import JobChanged, JobRemoved, QueueChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A small JPEG of a frame that a job has finished."""

    frame: int
    jpeg: bytes


class RenderQueue(QObject):
    """Jobs in queue order. `job_finished(JobView)` comes once for each job that ends while we listen."""

    jobs_changed = Signal()
    job_changed = Signal(str)
    job_finished = Signal(object)
    preview_changed = Signal(str)
    queue_changed = Signal()
    link_changed = Signal()

    def __init__(self, link: EngineLink) -> None:
        super().__init__()
        self._link_state = LinkState.NOT_RUNNING
        self._jobs: dict[str, JobView] = {}
        self._cleared: dict[str, JobView] = {}
        self._previews: dict[str, Preview] = {}
        self._status: QueueStatus | None = None
        link.state_changed.connect(self._on_link_state_changed)
        link.jobs_listed.connect(self._on_jobs_listed)
        link.event_arrived.connect(self._on_event_arrived)
        link.preview_arrived.connect(self._on_preview_arrived)

    @property
    def link_state(self) -> LinkState:
        """Whether the engine is there."""
        return self._link_state

    @property
    def status(self) -> QueueStatus | None:
        """The queue as a whole; None before the engine told."""
        return self._status

    @property
    def paused(self) -> bool:
        """Whether no further job starts."""
        return self._status is not None and self._status.paused

    @property
    def is_rendering(self) -> bool:
        """Whether the engine is there and at a render."""
        return self._link_state is LinkState.READY and any(
            job.state is JobState.RUNNING for job in self._jobs.values()
        )

    def is_stranded(self, job: JobView) -> bool:
        """Whether a job can go no further because the engine is gone."""
        return self._link_state is not LinkState.READY and job.state not in FINISHED_STATES

    def jobs(self) -> tuple[JobView, ...]:
        """Running and waiting jobs in queue order, then finished ones, the newest first."""
        return tuple(sorted(self._jobs.values(), key=_order))

    def jobs_of_project(self, project_id: str) -> tuple[JobView, ...]:
        """A project's jobs, also those that were cleared: its takes want to know how they ended."""
        known = (*self._jobs.values(), *self._cleared.values())
        return tuple(job for job in known if job.project_id == project_id)

    def job(self, job_id: str) -> JobView | None:
        """One job."""
        return self._jobs.get(job_id)

    def job_of_take(self, take_id: str) -> JobView | None:
        """The job that renders a take."""
        return next((job for job in self._jobs.values() if job.take_id == take_id), None)

    def preview(self, job_id: str) -> Preview | None:
        """The newest finished frame of a job."""
        return self._previews.get(job_id)

    def unfinished_count(self) -> int:
        """How many jobs are not at their end."""
        return sum(job.state not in FINISHED_STATES for job in self._jobs.values())

    def seconds_left(self) -> float | None:
        """The running job's estimate; None while there is none."""
        running = [job for job in self._jobs.values() if job.state is JobState.RUNNING]
        known = [job.progress.seconds_left for job in running if job.progress.seconds_left is not None]
        return sum(known) if known else None

    def _on_link_state_changed(self, state: LinkState) -> None:
        self._link_state = state
        self.link_changed.emit()

    def _on_jobs_listed(self, jobs: tuple[JobView, ...], status: QueueStatus) -> None:
        ended = [job for job in jobs if job.job_id in self._jobs and self._just_finished(job)]
        self._jobs = {job.job_id: job for job in jobs if not job.cleared}
        self._cleared = {job.job_id: job for job in jobs if job.cleared}
        self._status = status
        self.jobs_changed.emit()
        self.queue_changed.emit()
        for job in ended:
            self.job_finished.emit(job)

    def _on_event_arrived(self, event: JobChanged | JobRemoved | QueueChanged) -> None:
        if isinstance(event, QueueChanged):
            self._status = event.queue
            self.queue_changed.emit()
        elif isinstance(event, JobRemoved):
            cleared = self._jobs.pop(event.job_id, None)
            if cleared is not None:
                self._cleared[cleared.job_id] = cleared
            self._previews.pop(event.job_id, None)
            self.jobs_changed.emit()
        else:
            self._on_job_changed(event.job)

    def _on_job_changed(self, job: JobView) -> None:
        before = self._jobs.get(job.job_id)
        finished = self._just_finished(job)
        self._jobs[job.job_id] = job
        if before is None or _order(before) != _order(job):
            self.jobs_changed.emit()
        else:
            self.job_changed.emit(job.job_id)
        if finished:
            self._previews.pop(job.job_id, None)
            self.job_finished.emit(job)

    def _just_finished(self, job: JobView) -> bool:
        before = self._jobs.get(job.job_id)
        was_finished = before is not None and before.state in FINISHED_STATES
        return job.state in FINISHED_STATES and not was_finished

    def _on_preview_arrived(self, job_id: str, frame: int, jpeg: bytes) -> None:
        self._previews[job_id] = Preview(frame=frame, jpeg=jpeg)
        self.preview_changed.emit(job_id)


def _order(job: JobView) -> tuple[int, float, int]:
    if job.state is JobState.RUNNING:
        return (0, 0.0, job.position)
    if job.state in WAITING_STATES:
        return (1, float(-job.priority), job.position)
    return (2, -(job.finished_at or 0.0), job.position)
