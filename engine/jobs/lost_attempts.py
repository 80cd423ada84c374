"""What becomes of a job whose attempt ended without an answer: it is tried again, but not for ever."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum

from engine.jobs.policy import failed
from engine.jobs.records import KILL_LIMIT, MEMORY_LIMIT, JobRecord, QueueSettings
from engine.protocol.errors import ErrorCode, ErrorReport
from engine.protocol.jobs import AfterCrash, JobState
from engine.protocol.render_request import RendererName

TAKES_LESS_MEMORY = frozenset({RendererName.DIFFUSION})
"""The renderers that go on with a smaller plan after memory ran out."""


class Loss(StrEnum):
    """How an attempt was lost. Crashes, kills and ends for want of memory have counts of their own.

    CRASH: it crashed or was stuck. DEVICE: the device it computed on is gone. KILL: somebody killed it, which
    is no fault of the job. MEMORY: memory ran out, and the renderer has noted what to give up next.
    MEMORY_KILL: it was ended for want of memory before it could note anything.
    """

    CRASH = "crash"
    DEVICE = "device"
    KILL = "kill"
    MEMORY = "memory"
    MEMORY_KILL = "memory_kill"


def attempt_lost(job: JobRecord, reason: str, now: float, loss: Loss = Loss.CRASH) -> JobRecord:
    """Return the job after a lost attempt: queued in its old place, or failed at the limit of a count.

    An attempt that came further than all before it (by a step, a frame or, after the last one, a file) sets
    the counts back; another is counted, so that a job which always ends in the same place cannot run for
    ever. `reason` says how it ended as the end of a sentence; for MEMORY it is a sentence for people.
    """
    waiting = replace(_counted(job, loss), state=JobState.QUEUED)
    if loss is Loss.MEMORY_KILL:
        waiting = replace(waiting, memory_ran_out=True)
    if _below_limit(waiting, loss):
        return waiting
    return failed(waiting, _report(waiting, reason, loss), now)


def _counted(job: JobRecord, loss: Loss) -> JobRecord:
    if job.got_on:
        return replace(job, attempts=0, kills=0, memory_ends=0)
    match loss:
        case Loss.CRASH | Loss.DEVICE:
            return replace(job, attempts=job.attempts + 1)
        case Loss.KILL:
            return replace(job, kills=job.kills + 1)
        case Loss.MEMORY | Loss.MEMORY_KILL:
            return replace(job, memory_ends=job.memory_ends + 1)


def _below_limit(job: JobRecord, loss: Loss) -> bool:
    hopeless = loss is Loss.MEMORY_KILL and job.request.renderer not in TAKES_LESS_MEMORY
    memory_limit = job.attempt_limit if hopeless else MEMORY_LIMIT
    return job.attempts < job.attempt_limit and job.kills < KILL_LIMIT and job.memory_ends < memory_limit


def _report(job: JobRecord, reason: str, loss: Loss) -> ErrorReport:
    request = job.request
    if loss in {Loss.MEMORY, Loss.MEMORY_KILL}:
        return ErrorReport(
            code=ErrorCode.OUT_OF_MEMORY,
            message=f"There was not enough memory to render “{request.scene_name}” at "
            f"{request.width}x{request.height}: it ran out {job.memory_ends} times without getting further.",
            next_step="Close other programs or choose a smaller size, then retry the job.",
            details={"reason": reason},
        )
    times = job.kills if loss is Loss.KILL else job.attempts
    look = "Look into the log of the render process, then retry the job."
    revive = "Check that it is connected and its driver runs, restart the machine, then retry the job."
    return ErrorReport(
        code=ErrorCode.WORKER_LOST,
        message=f"The render of “{request.scene_name}” broke off {times} times "
        f"without getting further: {reason}.",
        next_step=revive if loss is Loss.DEVICE else look,
        details={"reason": reason},
    )


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
