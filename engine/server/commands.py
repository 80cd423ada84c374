"""What the engine does on each command."""

import os
import time
from collections.abc import Callable

from engine.jobs.job_queue import JobQueue
from engine.locations import EngineLocations
from engine.planning.memory_limit import device_memory_limit
from engine.protocol.jobs import EngineStatus, JobState, JobView, QueueStatus
from engine.protocol.messages import (
    Answer,
    CancelJob,
    ClearFinished,
    Command,
    GetJob,
    GetStatus,
    JobList,
    ListJobs,
    MoveJob,
    PauseJob,
    PauseQueue,
    ResumeJob,
    ResumeQueue,
    RetryJob,
    SetAfterCrash,
    SetPriority,
    StopEngine,
    SubmitJob,
)
from engine.protocol.version import PROTOCOL_VERSION, masque_version
from engine.server.job_runner import JobRunner


class EngineCommands:
    """Answers commands on the queue and the runner. Raises UserError."""

    def __init__(
        self,
        queue: JobQueue,
        runner: JobRunner,
        locations: EngineLocations,
        *,
        stop: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._runner = runner
        self._locations = locations
        self._stop = stop
        self._began = time.monotonic()
        self.clients = 0

    async def answer(self, command: Command) -> Answer:
        """Do what a command says and return its answer."""
        match command:
            case PauseJob() | CancelJob():
                return await self._hold(command)
            case PauseQueue() | ResumeQueue() | SetAfterCrash():
                return await self._change_queue(command)
            case GetStatus() | StopEngine():
                return self._status(stop=isinstance(command, StopEngine))
            case ListJobs(project_id=project_id, with_cleared=with_cleared):
                return JobList(jobs=self._queue.views(project_id, with_cleared=with_cleared))
            case ClearFinished():
                return self._clear()
            case _:
                return self._change_job(command)

    def _change_job(
        self, command: SubmitJob | GetJob | ResumeJob | RetryJob | MoveJob | SetPriority
    ) -> JobView:
        view = self._do_to_job(command)
        self._runner.wake()
        return view

    def _do_to_job(
        self, command: SubmitJob | GetJob | ResumeJob | RetryJob | MoveJob | SetPriority
    ) -> JobView:
        match command:
            case SubmitJob(request=request, priority=priority):
                return self._queue.submit(request, priority)
            case GetJob(job_id=job_id):
                return self._queue.view(job_id)
            case ResumeJob(job_id=job_id):
                return self._queue.resume(job_id)
            case RetryJob(job_id=job_id):
                return self._queue.retry(job_id)
            case MoveJob(job_id=job_id, position=position):
                return self._queue.move(job_id, position)
            case SetPriority(job_id=job_id, priority=priority):
                return self._queue.set_priority(job_id, priority)

    async def _hold(self, command: PauseJob | CancelJob) -> JobView:
        """Write down the decision first, then stop the render: a crash in between does not undo it."""
        job_id = command.job_id
        if isinstance(command, PauseJob):
            self._queue.pause(job_id)
            await self._runner.stop_render(job_id, discard=False)
        else:
            self._queue.cancel(job_id)
            await self._runner.stop_render(job_id, discard=True)
        return self._queue.view(job_id)

    async def _change_queue(self, command: PauseQueue | ResumeQueue | SetAfterCrash) -> QueueStatus:
        match command:
            case PauseQueue(now=now):
                running = self._queue.running() if now else None
                self._queue.pause_queue(with_running=now)
                if running is not None:
                    await self._runner.stop_render(running.job_id, discard=False)
            case ResumeQueue():
                self._queue.resume_queue()
                self._runner.forgive()
            case SetAfterCrash(policy=policy):
                self._queue.set_after_crash(policy)
        return self._queue.status()

    def _clear(self) -> JobList:
        removed = self._queue.clear_finished()
        for job in removed:
            if job.state is not JobState.DONE:
                self._runner.discard_frames(job.job_id)
        return JobList(jobs=removed)

    def _status(self, *, stop: bool) -> EngineStatus:
        if stop:
            self._stop()
        notices = (self._queue.notice, self._runner.notice)
        return EngineStatus(
            process_id=os.getpid(),
            worker_process_id=self._runner.worker_process_id,
            version=masque_version(),
            protocol_version=PROTOCOL_VERSION,
            uptime_s=time.monotonic() - self._began,
            clients=self.clients,
            queue=self._queue.status(),
            log_directory=self._locations.log,
            notice=" ".join(notice for notice in notices if notice),
            limit_bytes=device_memory_limit(),
        )
