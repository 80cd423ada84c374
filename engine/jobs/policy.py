"""What may happen to a job, and what happens next: functions from records to records, nothing stored here."""

from collections.abc import Iterable
from dataclasses import replace

from engine.jobs.records import JobRecord, QueueSettings
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import FINISHED_STATES, WAITING_STATES, JobProgress, JobState, RenderResult

WAY_ON = {
    JobState.FAILED: "Queue it again with retry.",
    JobState.CANCELLED: "Queue it again with retry.",
    JobState.DONE: "Render the scene again for another take.",
}


def in_order(jobs: Iterable[JobRecord]) -> list[JobRecord]:
    """Return jobs as a queue shows them: running, then waiting in turn, then finished by time."""
    return sorted(jobs, key=_order)


def _order(job: JobRecord) -> tuple[int, float, int]:
    if job.state in FINISHED_STATES:
        return (2, job.finished_at or 0.0, job.position)
    return (0 if job.state is JobState.RUNNING else 1, -job.priority, job.position)


def next_to_run(jobs: Iterable[JobRecord], settings: QueueSettings) -> JobRecord | None:
    """Return the job that runs next; None while the queue is paused or nothing is queued."""
    if settings.paused:
        return None
    return min((job for job in jobs if job.state is JobState.QUEUED), key=_order, default=None)


def started(job: JobRecord, now: float) -> JobRecord:
    """Return the job as an attempt at it begins."""
    return replace(
        job,
        state=JobState.RUNNING,
        started_at=now,
        finished_at=None,
        error=None,
        frames_before=job.frames_reached,
        share_before=job.share_reached,
    )


def finished(job: JobRecord, result: RenderResult, now: float) -> JobRecord:
    """Return the job with its result; it counts even when the user had just paused or cancelled the job."""
    return replace(
        job,
        state=JobState.DONE,
        finished_at=now,
        error=None,
        result=result,
        attempts=0,
        kills=0,
        memory_ends=0,
        memory_ran_out=False,
        frames_reached=job.request.frame_count,
        share_reached=1.0,
        held_by_queue=False,
    )


def failed(job: JobRecord, error: ErrorReport, now: float) -> JobRecord:
    """Return the job with the error that ended it."""
    return replace(job, state=JobState.FAILED, finished_at=now, error=error, held_by_queue=False)


def progressed(job: JobRecord, progress: JobProgress) -> JobRecord:
    """Return the job with what its attempt has reached; a first word from it shows that it has begun."""
    if job.state is JobState.CANCELLED:
        return job
    return replace(
        job,
        frames_reached=max(job.frames_reached, progress.frames_done),
        share_reached=max(job.share_reached, progress.done),
        memory_ran_out=False,
    )


def paused(job: JobRecord, *, with_queue: bool = False) -> JobRecord:
    """Return the job held. Raises UserError(WRONG_STATE) for a finished one."""
    _require(job, WAITING_STATES | {JobState.RUNNING}, "paused")
    return replace(job, state=JobState.PAUSED, held_by_queue=with_queue)


def resumed(job: JobRecord) -> JobRecord:
    """Return the job queued again. Raises UserError(WRONG_STATE) unless it is paused (or already waiting)."""
    _require(job, WAITING_STATES | {JobState.RUNNING}, "resumed")
    state = JobState.RUNNING if job.state is JobState.RUNNING else JobState.QUEUED
    return replace(job, state=state, held_by_queue=False)


def cancelled(job: JobRecord, now: float) -> JobRecord:
    """Return the job ended by the user. Raises UserError(WRONG_STATE) for a finished one."""
    _require(job, WAITING_STATES | {JobState.RUNNING}, "cancelled")
    return replace(
        job,
        state=JobState.CANCELLED,
        finished_at=now,
        held_by_queue=False,
        frames_reached=0,
        share_reached=0.0,
    )


def retried(job: JobRecord, position: int) -> JobRecord:
    """Return a failed or cancelled job queued again, at the end.

    Raises UserError(WRONG_STATE) for another one.
    """
    _require(job, frozenset({JobState.FAILED, JobState.CANCELLED}), "retried")
    return replace(
        job,
        state=JobState.QUEUED,
        position=position,
        attempts=0,
        kills=0,
        memory_ends=0,
        memory_ran_out=False,
        error=None,
        started_at=None,
        finished_at=None,
    )


def moved(jobs: Iterable[JobRecord], job: JobRecord, index: int) -> list[JobRecord]:
    """Return the jobs that change when `job` is put at `index` among the waiting ones.

    Its priority follows its new neighbours, since a place the priorities do not allow would be no place at
    all. Raises UserError(WRONG_STATE) unless the job is waiting.
    """
    _require(job, WAITING_STATES, "moved")
    others = in_order(other for other in jobs if other.state in WAITING_STATES and other.job_id != job.job_id)
    places = sorted(record.position for record in [*others, job])
    index = min(max(index, 0), len(others))
    highest = others[index - 1].priority if index > 0 else None
    lowest = others[index].priority if index < len(others) else None
    priority = job.priority if lowest is None else max(job.priority, lowest)
    moving = replace(job, priority=priority if highest is None else min(priority, highest))
    order = [*others[:index], moving, *others[index:]]
    placed = [
        replace(record, position=place) if record.position != place else record
        for record, place in zip(order, places, strict=True)
    ]
    before = {record.job_id: record for record in [*others, job]}
    return [record for record in placed if record != before[record.job_id]]


def _require(job: JobRecord, states: frozenset[JobState], verb: str) -> None:
    if job.state in states:
        return
    raise UserError(
        f"The job “{job.request.scene_name}” is {job.state.value} and cannot be {verb}.",
        next_step=WAY_ON.get(job.state, "List the queue to see the state of each job."),
        code=ErrorCode.WRONG_STATE,
        details={"job_id": job.job_id, "state": job.state.value},
    )
