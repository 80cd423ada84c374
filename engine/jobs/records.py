"""A job and the queue's settings as they are stored: frozen values that policy turns into new ones."""

from dataclasses import dataclass

from engine.protocol.errors import ErrorReport
from engine.protocol.jobs import AfterCrash, JobProgress, JobState, JobView, RenderResult
from engine.protocol.render_request import RenderRequest

ATTEMPT_LIMIT = 3
KILL_LIMIT = 12
MEMORY_LIMIT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as it is stored. Times are Unix seconds.

    `frames_reached` is the highest number of frames any attempt has finished, and after the last one also
    counts the take's finished files; `frames_before` is what it was when the present attempt began: an
    attempt that raises it made progress. `share_reached` and `share_before` (0..1) say the same of the work,
    which grows with every step between two frames. `kills` counts attempts in a row that somebody ended from
    outside, `memory_ends` those for which memory ran out; `memory_ran_out` is true until the renderer has
    heard that the system ended it for that.
    A job with `cleared_at` is out of the queue, but how it ended is still told to a project that asks.
    `held_by_queue` marks a job that was paused with the queue and goes on with it.
    """

    job_id: str
    request: RenderRequest
    state: JobState
    priority: int
    position: int
    created_at: float
    attempts: int = 0
    attempt_limit: int = ATTEMPT_LIMIT
    kills: int = 0
    frames_reached: int = 0
    frames_before: int = 0
    share_reached: float = 0.0
    share_before: float = 0.0
    memory_ends: int = 0
    memory_ran_out: bool = False
    held_by_queue: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    cleared_at: float | None = None
    error: ErrorReport | None = None
    result: RenderResult | None = None

    @property
    def got_on(self) -> bool:
        """Whether the present attempt has come further than all before it."""
        return self.frames_reached > self.frames_before or self.share_reached > self.share_before

    def view(self, progress: JobProgress | None = None) -> JobView:
        """Return the job as clients see it; without `progress` (a running job's) what is stored is told."""
        request = self.request
        frames_done = min(self.frames_reached, request.frame_count)
        stored = JobProgress(
            frames_done=frames_done, frame_count=request.frame_count, share=self.share_reached or None
        )
        return JobView(
            job_id=self.job_id,
            request_id=request.request_id,
            project_id=request.project_id,
            project_path=request.project_path,
            scene_id=request.scene_id,
            scene_name=request.scene_name,
            take_id=request.take_id,
            take_number=request.take_number,
            renderer=request.renderer.value,
            seed=request.seed,
            output_directory=request.output_directory,
            state=self.state,
            priority=self.priority,
            position=self.position,
            attempts=self.attempts,
            attempt_limit=self.attempt_limit,
            progress=progress or stored,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            cleared=self.cleared_at is not None,
            error=self.error,
            result=self.result,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """The queue as a whole, as it is stored.

    `pause_reason` is a sentence for the user where the engine has paused the queue by itself.
    """

    paused: bool = False
    needs_answer: bool = False
    after_crash: AfterCrash = AfterCrash.RUN
    pause_reason: str = ""
