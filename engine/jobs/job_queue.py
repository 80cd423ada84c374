"""The queue: jobs in memory as they are on disk. Every change is written before anyone hears of it."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.jobs import policy
from engine.jobs.job_store import JobStore
from engine.jobs.logs import about_job
from engine.jobs.lost_attempts import Loss, after_engine_crash, attempt_lost, with_outputs
from engine.jobs.records import JobRecord, QueueSettings
from engine.jobs.request_check import PRIORITY_LIMIT, check_request
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import (
    FINISHED_STATES,
    AfterCrash,
    JobProgress,
    JobState,
    JobView,
    QueueStatus,
    RenderResult,
)
from engine.protocol.messages import Event, JobChanged, JobRemoved, QueueChanged
from engine.protocol.render_request import RenderRequest

_log = logging.getLogger(__name__)
_REACHED_EVERY_S = 1.0
_ENDED_FOR_MEMORY = "The render was ended for want of memory; it goes on in a fresh process."
_CLEARED_KEPT_S = 30 * 86_400.0


class JobQueue:
    """All jobs and what can be done to them. Methods raise UserError; `on_event` hears of every change."""

    def __init__(
        self,
        store: JobStore,
        on_event: Callable[[Event], None],
        *,
        notice: str = "",
        finished_outputs: Callable[[str], int] = lambda _job_id: 0,
    ) -> None:
        """Read the queue.

        `notice` is what opening the store had to say; `finished_outputs` tells how many files of a job's take
        are whole.
        """
        self._store = store
        self._finished_outputs = finished_outputs
        self._on_event = on_event
        jobs, self._settings, unreadable = store.load()
        self._jobs = {job.job_id: job for job in jobs if job.cleared_at is None}
        self._cleared = {job.job_id: job for job in jobs if job.cleared_at is not None}
        self._by_request = {job.request.request_id: job.job_id for job in jobs}
        self._progress: dict[str, JobProgress] = {}
        self._reached_written_at = 0.0
        left_out = f"{unreadable} jobs in the queue could not be read and are left out." if unreadable else ""
        self._load_notice = " ".join(part for part in (notice, left_out) if part)
        self._forget_long_cleared()
        self._after_start()

    def _forget_long_cleared(self) -> None:
        """Drop jobs from the disk that were cleared so long ago that their projects have heard of them."""
        oldest = time.time() - _CLEARED_KEPT_S
        gone = [job for job in self._cleared.values() if (job.cleared_at or 0.0) < oldest]
        self._store.remove(job.job_id for job in gone)
        for job in gone:
            del self._cleared[job.job_id]
            del self._by_request[job.request.request_id]

    def _after_start(self) -> None:
        changed, settings = after_engine_crash(
            self._jobs.values(), self._settings, time.time(), self._finished_outputs
        )
        if changed:
            _log.warning("the engine died while it rendered %s", ", ".join(job.job_id for job in changed))
            self._write(changed, settings)

    # ---- asking ----

    @property
    def complete(self) -> bool:
        """Whether all jobs that were ever queued here are known: none was lost with a damaged file."""
        return not self._load_notice

    @property
    def notice(self) -> str:
        """What the user is to know: jobs that could not be read, and why the engine has paused the queue."""
        parts = (self._load_notice, self._settings.pause_reason)
        return " ".join(part for part in parts if part)

    def status(self) -> QueueStatus:
        """Return the queue as a whole."""
        counts = dict.fromkeys(JobState, 0)
        for job in self._jobs.values():
            counts[job.state] += 1
        settings = self._settings
        return QueueStatus(
            paused=settings.paused,
            needs_answer=settings.needs_answer,
            after_crash=settings.after_crash,
            counts=counts,
        )

    def record(self, job_id: str) -> JobRecord:
        """Return a job as it is stored."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise UserError(
                f"There is no job {job_id[:64]} in the queue.",
                next_step="List the queue to see its jobs.",
                code=ErrorCode.NOT_FOUND,
            ) from None

    def view(self, job_id: str) -> JobView:
        """Return a job as clients see it."""
        return self.record(job_id).view(self._progress.get(job_id))

    def views(self, project_id: str | None = None, *, with_cleared: bool = False) -> tuple[JobView, ...]:
        """Return all jobs in order; only one project's with `project_id`, on request those cleared lately."""
        known = [*self._jobs.values(), *(self._cleared.values() if with_cleared else ())]
        jobs = (job for job in known if project_id in (None, job.request.project_id))
        return tuple(job.view(self._progress.get(job.job_id)) for job in policy.in_order(jobs))

    def next_to_run(self) -> JobRecord | None:
        """Return the job that runs next, or None."""
        return policy.next_to_run(self._jobs.values(), self._settings)

    def running(self) -> JobRecord | None:
        """Return the job that is running, or None."""
        return next((job for job in self._jobs.values() if job.state is JobState.RUNNING), None)

    # ---- what clients do ----

    def submit(self, request: RenderRequest, priority: int) -> JobView:
        """Add a job; the same request_id again returns the job there is."""
        known = self._by_request.get(request.request_id)
        if known in self._cleared:
            return self._cleared[known].view()
        if known is not None:
            return self.view(known)
        check_request(request)
        job = JobRecord(
            job_id=uuid.uuid4().hex,
            request=request,
            state=JobState.QUEUED,
            priority=_checked_priority(priority),
            position=self._next_position(),
            created_at=time.time(),
        )
        self._write([job])
        with about_job(job.job_id):
            _log.info("queued “%s”, take %d", request.scene_name, request.take_number)
        return self.view(job.job_id)

    def pause(self, job_id: str) -> JobView:
        """Hold a job. The caller stops its render where it is running."""
        return self._change(policy.paused(self.record(job_id)))

    def resume(self, job_id: str) -> JobView:
        """Queue a paused job again."""
        return self._change(policy.resumed(self.record(job_id)))

    def cancel(self, job_id: str) -> JobView:
        """End a job. The caller stops its render where it is running, and deletes its finished frames."""
        return self._change(policy.cancelled(self.record(job_id), time.time()))

    def retry(self, job_id: str) -> JobView:
        """Queue a failed or cancelled job again."""
        return self._change(policy.retried(self.record(job_id), self._next_position()))

    def move(self, job_id: str, index: int) -> JobView:
        """Put a waiting job at `index` among the waiting ones."""
        self._write(policy.moved(self._jobs.values(), self.record(job_id), index))
        return self.view(job_id)

    def set_priority(self, job_id: str, priority: int) -> JobView:
        """Change a job's priority."""
        return self._change(replace(self.record(job_id), priority=_checked_priority(priority)))

    def pause_queue(self, *, with_running: bool) -> None:
        """Start no further job; `with_running` holds the running one too until the queue is resumed."""
        running = self.running() if with_running else None
        changed = [] if running is None else [policy.paused(running, with_queue=True)]
        self._write(changed, replace(self._settings, paused=True))

    def resume_queue(self) -> None:
        """Go on, with the jobs that were paused with the queue."""
        held = [policy.resumed(job) for job in self._jobs.values() if job.held_by_queue]
        self._write(held, replace(self._settings, paused=False, needs_answer=False, pause_reason=""))

    def set_after_crash(self, choice: AfterCrash) -> None:
        """Choose what happens on start after a crash."""
        self._write([], replace(self._settings, after_crash=choice))

    def clear_finished(self) -> tuple[JobView, ...]:
        """Take finished jobs out of the queue and return them; how they ended is kept for their projects."""
        ended = (job for job in policy.in_order(self._jobs.values()) if job.state in FINISHED_STATES)
        gone = [replace(job, cleared_at=time.time()) for job in ended]
        self._store.save(gone)
        for job in gone:
            del self._jobs[job.job_id]
            self._cleared[job.job_id] = job
            self._on_event(JobRemoved(job_id=job.job_id))
        return tuple(job.view() for job in gone)

    # ---- what the runner reports ----

    def start(self, job_id: str) -> JobRecord:
        """Begin an attempt."""
        self._change(policy.started(self.record(job_id), time.time()))
        return self.record(job_id)

    def progressed(self, job_id: str, progress: JobProgress) -> None:
        """Note how far the running job is; what is new of it reaches the disk about once a second."""
        job = self._jobs.get(job_id)
        if job is None:
            return
        self._progress[job_id] = progress
        reached = policy.progressed(job, progress)
        if reached != job:
            self._jobs[job_id] = reached
            self._write_reached(reached, at_once=job.memory_ran_out)
        self._on_event(JobChanged(job=self.view(job_id)))

    def _write_reached(self, job: JobRecord, *, at_once: bool) -> None:
        now = time.monotonic()
        if now - self._reached_written_at < _REACHED_EVERY_S and not at_once:
            return
        self._reached_written_at = now
        try:
            self._store.save([job])
        except UserError as error:
            _log.warning("progress is not written down: %s", error)

    def finished(self, job_id: str, result: RenderResult) -> None:
        """Keep the result of a job."""
        self._end(job_id, lambda job: policy.finished(job, result, time.time()), always=True)

    def failed(self, job_id: str, error: ErrorReport) -> None:
        """Keep the error of a job."""
        self._end(job_id, lambda job: policy.failed(job, error, time.time()))

    def lost(self, job_id: str, reason: str, loss: Loss, *, outputs: int = 0) -> None:
        """Note that the attempt at a job ended without an answer; `reason` as `attempt_lost` has it.

        `outputs`: how many files of its take are whole. That memory ran out is told until the next attempt
        has something to tell.
        """
        self._end(job_id, lambda job: attempt_lost(with_outputs(job, outputs), reason, time.time(), loss))
        told = reason if loss is Loss.MEMORY else _ENDED_FOR_MEMORY
        job = self._jobs.get(job_id)
        if loss in {Loss.MEMORY, Loss.MEMORY_KILL} and job is not None and job.state is JobState.QUEUED:
            self._progress[job_id] = replace(job.view().progress, phase=told)
            self._on_event(JobChanged(job=self.view(job_id)))

    def given_back(self, job_id: str) -> None:
        """Queue a running job again with its finished frames; not counted as an attempt."""
        self._end(job_id, lambda job: replace(job, state=JobState.QUEUED))

    def job_ids(self, *states: JobState, with_cleared: bool = False) -> frozenset[str]:
        """Return the jobs that are in one of these states, on request also those cleared lately."""
        known = [*self._jobs.values(), *(self._cleared.values() if with_cleared else ())]
        return frozenset(job.job_id for job in known if job.state in states)

    def stop_starting(self, reason: str) -> None:
        """Pause the queue because no render can be started at all; `reason` is a sentence for the user."""
        self._write([], replace(self._settings, paused=True, pause_reason=reason))

    def _end(self, job_id: str, become: Callable[[JobRecord], JobRecord], *, always: bool = False) -> None:
        """End an attempt.

        A job that the user paused, cancelled or removed meanwhile stays as the user left it.
        """
        job = self._jobs.get(job_id)
        self._progress.pop(job_id, None)
        if job is not None:
            self._change(become(job) if always or job.state is JobState.RUNNING else job)

    def _change(self, job: JobRecord) -> JobView:
        self._write([job])
        return self.view(job.job_id)

    def _write(self, jobs: Iterable[JobRecord], settings: QueueSettings | None = None) -> None:
        """Disk first, then memory, then the listeners."""
        jobs = list(jobs)
        self._store.save(jobs, settings)
        for job in jobs:
            if job.state in FINISHED_STATES:
                self._progress.pop(job.job_id, None)
            self._jobs[job.job_id] = job
            self._by_request[job.request.request_id] = job.job_id
            self._on_event(JobChanged(job=self.view(job.job_id)))
        if settings is not None:
            self._settings = settings
            self._on_event(QueueChanged(queue=self.status()))

    def _next_position(self) -> int:
        return max((job.position for job in self._jobs.values()), default=-1) + 1


def _checked_priority(priority: int) -> int:
    if not -PRIORITY_LIMIT <= priority <= PRIORITY_LIMIT:
        raise UserError(
            f"{priority} is not a usable priority.",
            next_step=f"Choose one from -{PRIORITY_LIMIT:,} to {PRIORITY_LIMIT:,}.",
        )
    return priority
