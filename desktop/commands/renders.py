"""Queueing renders, steering the queue, and taking finished renders into the project."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from desktop.authoring.takes import PlannedTake, fail_take, plan_take, reconcile_takes, submit_take
from desktop.engine_link.engine_link import EngineLink, LinkState
from desktop.state.notices import Notice, Notices, Remedy, Tone
from desktop.state.project_session import ProjectSession
from desktop.state.render_choice import RenderChoice
from desktop.state.render_queue import RenderQueue
from engine.client import EngineClient
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import WAITING_STATES, JobState, JobView
from engine.protocol.messages import (
    CancelJob,
    ClearFinished,
    MoveJob,
    PauseJob,
    PauseQueue,
    ResumeJob,
    ResumeQueue,
    RetryJob,
)
from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore

PAUSABLE = frozenset({JobState.QUEUED, JobState.RUNNING})
CANCELLABLE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED})
RETRIABLE = frozenset({JobState.FAILED, JobState.CANCELLED})


class Renders(QObject):
    """What the user does with renders. Takes follow the engine's jobs into the project."""

    render_queued = Signal(object)

    def __init__(
        self,
        session: ProjectSession,
        queue: RenderQueue,
        link: EngineLink,
        *,
        choice: RenderChoice,
        notices: Notices,
    ) -> None:
        super().__init__()
        self._session = session
        self._queue = queue
        self._link = link
        self._choice = choice
        self._notices = notices
        queue.job_finished.connect(self._on_job_finished)
        link.jobs_listed.connect(self._reconcile)
        link.command_failed.connect(self._on_command_failed)
        session.project_opened.connect(self._reconcile)
        queue.link_changed.connect(self._on_link_changed)

    def queue_scene(self) -> None:
        """Queue takes of the chosen scene; the engine is started where it does not run."""
        scene = self._session.scene
        if scene is None:
            return
        store = self._session.store
        planned: list[PlannedTake] = []
        try:
            for settings in self._choice.settings_of_takes():
                planned.append(plan_take(store, scene.id, settings))
        except (ProjectError, UserError) as error:
            self._notices.failed(error)
        self._session.refresh()
        for note in dict.fromkeys(note for take in planned for note in take.notes):
            self._notices.log(note, Tone.NEWS)
        for take in planned:
            self._submit(store, take)

    def _submit(self, store: ProjectStore, planned: PlannedTake) -> None:
        async def work(client: EngineClient) -> None:
            job = await submit_take(client, planned)
            self._notices.log(self.tr("Queued %s, take %d.") % (job.scene_name, job.take_number), Tone.NEWS)
            self.render_queued.emit(job)

        self._link.use(work, on_failed=lambda report: self._on_refused(store, planned, report))

    def pause_or_resume(self, job: JobView) -> None:
        """Hold a job, or let a held one go on."""
        if job.state is JobState.PAUSED:
            self._link.send(ResumeJob(job_id=job.job_id))
        elif job.state in PAUSABLE:
            self._link.send(PauseJob(job_id=job.job_id))

    def cancel(self, job: JobView) -> None:
        """End a job."""
        if job.state in CANCELLABLE:
            self._link.send(CancelJob(job_id=job.job_id))

    def retry(self, job: JobView) -> None:
        """Queue a job again."""
        if job.state in RETRIABLE:
            self._link.send(RetryJob(job_id=job.job_id))

    def move(self, job: JobView, shift: int) -> None:
        """Move a waiting job up (negative) or down among the waiting ones."""
        waiting = [other.job_id for other in self._queue.jobs() if other.state in WAITING_STATES]
        if job.job_id in waiting:
            position = waiting.index(job.job_id) + shift
            if 0 <= position < len(waiting):
                self._link.send(MoveJob(job_id=job.job_id, position=position))

    def pause_or_resume_queue(self) -> None:
        """Start no further job, or go on."""
        self._link.send(ResumeQueue() if self._queue.paused else PauseQueue())

    def clear_finished(self) -> None:
        """Forget finished jobs; their takes stay."""
        self._link.send(ClearFinished())

    def _on_refused(self, store: ProjectStore, planned: PlannedTake, report: ErrorReport) -> None:
        """Keep the reason with the take, unless its project was closed meanwhile: opening it reconciles."""
        if not self._session.is_open or self._session.store is not store:
            return
        try:
            fail_take(store, planned.take_id, UserError.from_report(report))
        except ProjectError as error:
            self._notices.failed(error)
        self._session.refresh()

    def _on_job_finished(self, job: JobView) -> None:
        project = self._session.project
        if project is None or job.project_id != project.id:
            return
        self._reconcile()
        words = {
            JobState.DONE: self.tr("%s, take %d is rendered."),
            JobState.FAILED: self.tr("%s, take %d could not be rendered."),
            JobState.CANCELLED: self.tr("%s, take %d was cancelled."),
        }
        tone = Tone.TROUBLE if job.state is JobState.FAILED else Tone.NEWS
        self._notices.log(words[job.state] % (job.scene_name, job.take_number), tone)
        if job.state is JobState.FAILED and job.error is not None:
            retry = Remedy(label=self.tr("Try again"), act=self._retrier(job))
            self._notices.trouble(job.error, retry)

    def _retrier(self, job: JobView) -> Callable[[], None]:
        return lambda: self.retry(job)

    def _reconcile(self, *_: object) -> None:
        if not self._session.is_open:
            return
        project = self._session.project
        jobs = None
        if self._queue.status is not None and project is not None:
            jobs = self._queue.jobs_of_project(project.id)
        try:
            reconcile_takes(self._session.store, jobs)
        except (ProjectError, UserError) as error:
            self._notices.failed(error)
        self._session.refresh()

    def _on_link_changed(self) -> None:
        if self._queue.link_state is LinkState.LOST and self._queue.unfinished_count():
            notice = Notice(
                tone=Tone.TROUBLE,
                message=self.tr("The engine is gone."),
                next_step=self.tr("Start it again: renders go on from their finished frames."),
                remedies=(Remedy(label=self.tr("Start engine"), act=self._restart),),
            )
            self._notices.show(notice)

    def _restart(self) -> None:
        self._notices.dismiss()
        self._link.start_engine()

    def _on_command_failed(self, report: ErrorReport) -> None:
        if report.code is ErrorCode.ENGINE_UNREACHABLE:
            start = Remedy(label=self.tr("Start engine"), act=self._restart)
            self._notices.trouble(report, start)
        else:
            self._notices.trouble(report)
