"""Watching jobs from the command line until they end, with progress bars when a person looks."""

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from engine.client import EngineClient
from engine.client_events import EngineEvent
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import FINISHED_STATES, JobState, JobView
from engine.protocol.messages import GetJob, GetStatus, JobChanged, JobRemoved, QueueChanged


class JobBars:
    """One progress bar for each job on the error stream; nothing when nobody looks or a script reads."""

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._progress = None
        if not quiet and console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[frames]} frames · {task.fields[phase]}"),
                TimeRemainingColumn(),
                console=console,
            )
        self._tasks: dict[str, TaskID] = {}

    def shown(self) -> AbstractContextManager[object]:
        """Return the context in which the bars are on the screen."""
        return self._progress if self._progress is not None else nullcontext()

    def update(self, job: JobView) -> None:
        """Show a job's state and frames."""
        if self._progress is None:
            return
        if job.job_id not in self._tasks:
            self._tasks[job.job_id] = self._progress.add_task(job.scene_name, total=None, phase="", frames="")
        running = job.state is JobState.RUNNING
        self._progress.update(
            self._tasks[job.job_id],
            completed=job.progress.done,
            total=1.0 if job.progress.frame_count else None,
            frames=f"{job.progress.frames_done}/{job.progress.frame_count or '?'}",
            phase=job.progress.phase if running and job.progress.phase else job.state.value,
        )


async def watch_jobs(client: EngineClient, jobs: Iterable[JobView], bars: JobBars) -> tuple[JobView, ...]:
    """Wait until every job is done, failed or cancelled and return them as they ended.

    A job somebody clears from the queue meanwhile is returned as it was last seen. Raises
    UserError(ENGINE_UNREACHABLE) where the engine is gone before.
    """
    latest = {job.job_id: job for job in jobs}
    for job_id in latest:
        latest[job_id] = await client.send(GetJob(job_id=job_id))
    await _tell_if_paused(client)
    waiting = {job_id for job_id, job in latest.items() if job.state not in FINISHED_STATES}
    with bars.shown():
        for job in latest.values():
            bars.update(job)
        if waiting:
            async for event in client.events():
                if isinstance(event, QueueChanged):
                    await _tell_if_paused(client)
                else:
                    _take_in(event, latest, waiting, bars)
                if not waiting:
                    break
    if waiting:
        raise UserError(
            "The engine ended while jobs were waiting or running; what they have finished is kept.",
            next_step="Start it again and they go on: masque engine start. Look with: masque queue list.",
            code=ErrorCode.ENGINE_UNREACHABLE,
        )
    return tuple(latest.values())


def _take_in(event: EngineEvent, latest: dict[str, JobView], waiting: set[str], bars: JobBars) -> None:
    if isinstance(event, JobChanged) and event.job.job_id in latest:
        latest[event.job.job_id] = event.job
        bars.update(event.job)
        if event.job.state in FINISHED_STATES:
            waiting.discard(event.job.job_id)
    elif isinstance(event, JobRemoved):
        waiting.discard(event.job_id)


async def _tell_if_paused(client: EngineClient) -> None:
    """Waiting for a queue that stands still needs a word, or it looks like a render that hangs.

    Raises UserError when the engine paused the queue by itself, since nothing will go on without a person.
    """
    status = await client.send(GetStatus())
    if status.queue.paused and status.notice:
        raise UserError(
            status.notice,
            next_step="The render waits in the queue; go on with masque queue resume.",
            code=ErrorCode.WRONG_STATE,
        )
    if status.queue.paused:
        sys.stderr.write("The queue is paused. Go on with: masque queue resume\n")
