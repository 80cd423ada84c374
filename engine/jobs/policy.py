"""What may happen to a job, and what happens next: functions from records to records, nothing stored here."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.jobs.records import KILL_LIMIT, JobRecord, QueueSettings
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import FINISHED_STATES, WAITING_STATES, AfterCrash, JobState, RenderResult

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
        frames_reached=job.request.frame_count,
        held_by_queue=False,
    )


def failed(job: JobRecord, error: ErrorReport, now: float) -> JobRecord:
    """Return the job with the error that ended it."""
    return replace(job, state=JobState.FAILED, finished_at=now, error=error, held_by_queue=False)


def attempt_lost(job: JobRecord, reason: str, now: float, *, from_outside: bool = False) -> JobRecord:
    """Return the job after its attempt ended without an answer (a crash, a kill, a power cut).

    An attempt that finished a new frame (or, after the last one, a file) sets the counts back; one that did
    not is counted, and at the limit the job fails, so that a job which always crashes cannot run for ever. A
    kill from outside is no fault of the job: it has a count and a limit of its own.
    """
    attempts, kills = job.attempts + (not from_outside), job.kills + from_outside
    if job.frames_reached > job.frames_before:
        attempts, kills = 0, 0
    waiting = replace(job, state=JobState.QUEUED, attempts=attempts, kills=kills)
    if attempts < job.attempt_limit and kills < KILL_LIMIT:
        return waiting
    scene = job.request.scene_name
    times = kills if from_outside else attempts
    report = ErrorReport(
        code=ErrorCode.WORKER_LOST,
        message=f"The render of “{scene}” broke off {times} times without a new frame: {reason}.",
        next_step="Look into the log of the render process, then retry the job.",
        details={"reason": reason},
    )
    return failed(waiting, report, now)


def with_outputs(job: JobRecord, outputs: int) -> JobRecord:
    """Return the job with `outputs` whole files of its take counted as progress beyond its last frame.

    A long render finishes for long: without this, crashes in that time would look like no progress.
    """
    if outputs < 1:
        return job
    return replace(job, frames_reached=max(job.frames_reached, job.request.frame_count + outputs))


def after_engine_crash(
    jobs: Iterable[JobRecord],
    settings: QueueSettings,
    now: float,
    finished_outputs: Callable[[str], int] = lambda _job_id: 0,
) -> tuple[list[JobRecord], QueueSettings]:
    """Return the jobs that change, and the queue's settings, when the engine starts after it died at work.

    `finished_outputs` tells how many files of a job's take are whole.
    """
    reason = "the engine was ended while it rendered"
    running = [job for job in jobs if job.state is JobState.RUNNING]
    changed = [attempt_lost(with_outputs(job, finished_outputs(job.job_id)), reason, now) for job in running]
    if not changed or settings.after_crash is AfterCrash.RUN:
        return changed, settings
    asks = settings.after_crash is AfterCrash.ASK
    scene = running[0].request.scene_name
    told = (
        f"The queue is paused: the engine was ended while it rendered “{scene}”. Resume the queue to go on."
    )
    return changed, replace(settings, paused=True, needs_answer=asks, pause_reason=told)


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
    return replace(job, state=JobState.CANCELLED, finished_at=now, held_by_queue=False, frames_reached=0)


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
