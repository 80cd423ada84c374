"""Jobs as clients see them: state, progress, result."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.errors import ErrorReport


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


WAITING_STATES = frozenset({JobState.QUEUED, JobState.PAUSED})
FINISHED_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


class AfterCrash(StrEnum):
    """What the queue does on start when a job was running as the engine died."""

    RUN = "run"
    PAUSED = "paused"
    ASK = "ask"


class FileRole(StrEnum):
    """What a result file is for."""

    MASTER = "master"
    VIEWING = "viewing"
    MIX = "mix"
    STEM = "stem"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """One file of a take. `name` is relative to the take's directory; `label` names a stem's character."""

    role: FileRole
    name: str
    size_bytes: int
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderResult:
    """What a finished render left on disk. Written as `take.json` beside the files, last of all."""

    request_id: str
    take_id: str
    renderer: str
    seed: int
    frame_rate: Fraction
    frame_count: int
    width: int
    height: int
    has_alpha: bool
    files: tuple[ResultFile, ...]
    warnings: tuple[str, ...] = ()
    render_seconds: float = 0.0
    masque_version: str = ""
    diffusion: DiffusionRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far a job is. `phase` is a word for a person; `seconds_left` is None until it can be told.

    `share` (0..1) is how much of the work is done where finished frames alone do not tell it.
    """

    phase: str = ""
    frames_done: int = 0
    frame_count: int = 0
    seconds_left: float | None = None
    share: float | None = None

    @property
    def done(self) -> float:
        """How much of the work is done, from 0 to 1."""
        frames = self.frames_done / self.frame_count if self.frame_count else 0.0
        return frames if self.share is None else max(self.share, frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job in the queue. Times are Unix seconds.

    `attempts` counts attempts in a row that broke off without getting further. Waiting jobs run by falling
    `priority`, then by rising `position`.
    """

    job_id: str
    request_id: str
    project_id: str
    project_path: Path
    scene_id: str
    scene_name: str
    take_id: str
    take_number: int
    renderer: str
    seed: int
    output_directory: Path
    state: JobState
    priority: int
    position: int
    attempts: int
    attempt_limit: int
    progress: JobProgress
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    cleared: bool = False
    error: ErrorReport | None = None
    result: RenderResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """The queue as a whole. `needs_answer`: after a crash under the policy `ask`, until resumed."""

    paused: bool
    needs_answer: bool
    after_crash: AfterCrash
    counts: dict[JobState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """The engine process: who it is, how long it has been up, and the queue. `uptime_s` in seconds.

    `notice` is a sentence for the user when something needs attention (a damaged queue that was kept aside, a
    worker that does not start), else empty. `limit_bytes`: the most of the device that its renders may use,
    where the engine was started with a limit.
    """

    process_id: int
    worker_process_id: int | None
    version: str
    protocol_version: int
    uptime_s: float
    clients: int
    queue: QueueStatus
    log_directory: Path
    notice: str = ""
    limit_bytes: int | None = None
