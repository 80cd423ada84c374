"""Messages between a client and the engine server, and between the server and its worker.

A client sends a `Call` and gets one `Reply`; the server sends `Event`s to everyone who is connected. Preview
frames travel as binary frames (see `codec.encode_preview`). Server and worker speak JSON lines over pipes.
"""

from dataclasses import dataclass
from enum import IntEnum

from engine.protocol.errors import ErrorCode, ErrorReport
from engine.protocol.jobs import AfterCrash, EngineStatus, JobProgress, JobView, QueueStatus, RenderResult
from engine.protocol.render_request import RenderRequest

# ---- commands: what a client may ask ----


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitJob:
    """Queue a render. Submitting the same request_id again returns the job there is. Answer: JobView."""

    request: RenderRequest
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs:
    """Answer: JobList, in queue order, finished jobs last by time; only one project's with `project_id`.

    `with_cleared` adds jobs that were cleared lately, so that a project learns how its renders ended.
    """

    project_id: str | None = None
    with_cleared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJob:
    """Answer: JobView."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseQueue:
    """Start no further job; `now` pauses the running one too, else it finishes. Answer: QueueStatus."""

    now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeQueue:
    """Go on, also after a crash under the policy `ask`. Answer: QueueStatus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseJob:
    """Hold one job; a running one stops at the next finished frame and keeps its frames. Answer: JobView."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeJob:
    """Queue a paused job again. Answer: JobView."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJob:
    """End a job that is queued, running or paused; finished frames are deleted. Answer: JobView."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryJob:
    """Queue a failed or cancelled job again with its attempts set to zero. Answer: JobView."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveJob:
    """Put a waiting job at `position` (0 first) among the waiting jobs. Answer: JobView."""

    job_id: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPriority:
    """Higher priorities run first; equal ones in queue order. Answer: JobView."""

    job_id: str
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearFinished:
    """Forget finished jobs (their files stay). Answer: JobList of what was removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAfterCrash:
    """Choose what happens on start after a crash. Answer: QueueStatus."""

    policy: AfterCrash


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatus:
    """Answer: EngineStatus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopEngine:
    """End the engine. A running job goes back to the queue with its finished frames. Answer: EngineStatus."""


Command = (
    SubmitJob
    | ListJobs
    | GetJob
    | PauseQueue
    | ResumeQueue
    | PauseJob
    | ResumeJob
    | CancelJob
    | RetryJob
    | MoveJob
    | SetPriority
    | ClearFinished
    | SetAfterCrash
    | GetStatus
    | StopEngine
)

# ---- answers and events ----


@dataclass(frozen=True, slots=True, kw_only=True)
class JobList:
    """Jobs in order."""

    jobs: tuple[JobView, ...]


Answer = JobView | JobList | QueueStatus | EngineStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged:
    """A job was added or changed its state, place, progress, error or result."""

    job: JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRemoved:
    """A job was cleared from the queue."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged:
    """The queue was paused, resumed or its policy changed."""

    queue: QueueStatus


Event = JobChanged | JobRemoved | QueueChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPicture:
    """A small JPEG of a frame that a running job has finished; travels as a binary frame."""

    job_id: str
    frame: int
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A command with the number its reply carries."""

    call_id: int
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a call: `answer` or `error`, never both."""

    call_id: int
    answer: Answer | None = None
    error: ErrorReport | None = None


# ---- server to worker ----


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """Render this request; frames that are finished in the job's work directory are kept.

    `memory_ran_out`: the attempt before ended for want of memory, and the renderer has not heard of it.
    """

    job_id: str
    request: RenderRequest
    memory_ran_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRender:
    """Stop at the next finished frame. `discard` also deletes the finished frames."""

    job_id: str
    discard: bool


WorkerOrder = RenderJob | StopRender

# ---- worker to server ----


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAlive:
    """Heartbeat. `ticks` grows with every step of the render: a stuck render can be told from a busy one."""

    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProgress:
    """Frames finished so far."""

    job_id: str
    progress: JobProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPreview:
    """A small JPEG of a finished frame, base64."""

    job_id: str
    frame: int
    jpeg_base64: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFinished:
    """The job is done."""

    job_id: str
    result: RenderResult


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStopped:
    """The render stopped because it was told to."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFailed:
    """The job failed. The worker itself is well, unless memory ran out."""

    job_id: str
    error: ErrorReport


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOutOfMemory:
    """Memory ran out and the worker ends: a fresh one is to go on with the job, by a smaller plan.

    `told` is a sentence for people.
    """

    job_id: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDeviceLost:
    """The device computes no more and the worker ends; `reason` says so as the end of a sentence."""

    job_id: str
    reason: str


class WorkerExit(IntEnum):
    """The exit codes of a worker that ends by itself because it cannot be used again."""

    OUT_OF_MEMORY = 71
    DEVICE_LOST = 72


WorkerEnd = WorkerFinished | WorkerStopped | WorkerFailed | WorkerOutOfMemory | WorkerDeviceLost
WorkerReport = WorkerAlive | WorkerProgress | WorkerPreview | WorkerEnd


def leaves_worker_usable(end: WorkerEnd) -> bool:
    """Return whether a worker may go on with another job; one that may not ends by itself.

    What a process holds after memory ran out, half made and in fragments, would be missing in the next job.
    """
    match end:
        case WorkerOutOfMemory() | WorkerDeviceLost():
            return False
        case WorkerFailed(error=error):
            return error.code is not ErrorCode.OUT_OF_MEMORY
    return True
