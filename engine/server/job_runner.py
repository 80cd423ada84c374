"""Runs the queue's jobs, one after the other, in a worker that may die at any time."""

import asyncio
import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.jobs.job_queue import JobQueue
from engine.jobs.logs import about_job
from engine.jobs.lost_attempts import Loss
from engine.jobs.records import JobRecord
from engine.locations import EngineLocations
from engine.protocol.errors import UserError
from engine.protocol.jobs import JobState
from engine.protocol.messages import (
    PreviewPicture,
    RenderJob,
    StopRender,
    WorkerDeviceLost,
    WorkerEnd,
    WorkerFailed,
    WorkerFinished,
    WorkerOutOfMemory,
    WorkerPreview,
    WorkerProgress,
    WorkerReport,
    WorkerStopped,
    leaves_worker_usable,
)
from engine.renderers.work_directory import (
    delete_outputs,
    discard_work,
    finished_outputs,
    remove_stale_work,
)
from engine.server.settings import ServerSettings
from engine.server.worker_process import WorkerLostError, WorkerProcess, WorkerStartError

_log = logging.getLogger(__name__)
_START_LIMIT = 12
_LONGEST_PAUSE_S = 5.0


@dataclass(slots=True)
class _Attempt:
    """One attempt at a job, from the order to the end.

    `stop_at` is the loop's time by which it must have stopped.
    """

    job_id: str
    worker: WorkerProcess
    stop_at: float | None = None
    discard: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class JobRunner:
    """Takes jobs from the queue and sees each to its end.

    A bad job, or a dying worker, never ends the runner.
    """

    def __init__(
        self,
        queue: JobQueue,
        locations: EngineLocations,
        settings: ServerSettings,
        publish: Callable[[PreviewPicture], None],
    ) -> None:
        self._queue = queue
        self._locations = locations
        self._settings = settings
        self._publish = publish
        self._wake = asyncio.Event()
        self._stopping = False
        self._attempt: _Attempt | None = None
        self._worker: WorkerProcess | None = None
        self._starts_failed = 0
        self.notice = ""
        if queue.complete:  # a job that could not be read may need its frames, and its take is the user's
            self._tidy()

    def _tidy(self) -> None:
        """Delete what jobs that are over have left behind; the takes of those that are done stay."""
        unneeded = {JobState.DONE, JobState.CANCELLED}
        needed = self._queue.job_ids(*(state for state in JobState if state not in unneeded))
        for job_id in self._queue.job_ids(JobState.FAILED):
            delete_outputs(self._locations.work_directory(job_id))
        done = self._queue.job_ids(JobState.DONE, with_cleared=True)
        remove_stale_work(self._locations.work, needed=needed, done=done)

    @property
    def worker_process_id(self) -> int | None:
        """The worker's process number; None while there is none."""
        return None if self._worker is None else self._worker.process_id

    @property
    def busy(self) -> bool:
        """Whether a job runs or could run."""
        return self._attempt is not None or self._queue.next_to_run() is not None

    def wake(self) -> None:
        """Look at the queue again: something may be ready to run."""
        self._wake.set()

    def forgive(self) -> None:
        """Try again to start workers: the user resumed the queue."""
        self._starts_failed = 0
        self.notice = ""
        self.wake()

    async def run(self) -> None:
        """Run jobs until `shutdown`."""
        while not self._stopping:
            await self._work_to_do(None)
            if self._stopping:
                return
            try:
                await self._work_with_one_worker()
            except WorkerStartError as error:
                await self._start_failed(error)
            except UserError as error:
                await self._trouble(error)

    async def stop_render(self, job_id: str, *, discard: bool) -> None:
        """Stop the render of a job if it is running, and return when it has stopped."""
        attempt = self._attempt
        if attempt is None or attempt.job_id != job_id:
            if discard:
                self.discard_frames(job_id)
            return
        attempt.discard = attempt.discard or discard
        if attempt.stop_at is None:
            attempt.stop_at = asyncio.get_running_loop().time() + self._settings.worker_limits.stop_s
        try:
            await attempt.worker.send(StopRender(job_id=job_id, discard=attempt.discard))
        except WorkerLostError as lost:
            _log.warning("the worker was not told to stop: %s", lost)
            await attempt.worker.kill()
        await attempt.ended.wait()

    async def shutdown(self) -> None:
        """Stop the running render, which goes back to the queue, and start no other."""
        self._stopping = True
        if self._attempt is not None:
            await self.stop_render(self._attempt.job_id, discard=False)
        self.wake()

    def discard_frames(self, job_id: str) -> None:
        """Delete the finished frames of a job that is not running."""
        if self._attempt is None or self._attempt.job_id != job_id:
            discard_work(self._locations.work_directory(job_id))

    async def _work_to_do(self, patience_s: float | None) -> bool:
        """Wait for a job that can run; False when none came in time or the runner is to stop."""
        while not self._stopping and self._queue.next_to_run() is None:
            self._wake.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._wake.wait()
            except TimeoutError:
                return False
        return not self._stopping

    async def _work_with_one_worker(self) -> None:
        limits = self._settings.worker_limits
        log_path = self._locations.log / "worker.log"
        async with WorkerProcess(self._settings.worker_command, limits, log_path) as worker:
            self._worker = worker
            self._starts_failed = 0
            self.notice = ""
            try:
                while await self._work_to_do(limits.idle_s):
                    job = self._queue.next_to_run()
                    if job is not None and not await self._run_job(worker, self._queue.start(job.job_id)):
                        return
            finally:
                self._worker = None

    async def _run_job(self, worker: WorkerProcess, job: JobRecord) -> bool:
        """See an attempt to its end. Returns whether the worker is well."""
        attempt = _Attempt(job_id=job.job_id, worker=worker)
        self._attempt = attempt
        try:
            with about_job(job.job_id):
                return await self._try_job(attempt, job)
        finally:
            self._attempt = None
            attempt.ended.set()

    async def _try_job(self, attempt: _Attempt, job: JobRecord) -> bool:
        job_id = job.job_id
        try:
            attempt.worker.expect_steps()
            order = RenderJob(job_id=job_id, request=job.request, memory_ran_out=job.memory_ran_out)
            await attempt.worker.send(order)
            end = await self._follow(attempt)
        except WorkerLostError as lost:
            reason, loss = str(lost), lost.loss
            _log.warning("the worker was lost: %s", reason)
            await attempt.worker.kill()
            if attempt.stop_at is None:
                await self._settle(lambda: self._note_loss(job_id, reason, loss))
            else:
                await self._settle(lambda: self._queue.given_back(job_id))
            self._clean(attempt)
            return False
        await self._settle(lambda: self._note_end(job_id, end))
        self._clean(attempt, done=isinstance(end, WorkerFinished))
        return leaves_worker_usable(end)

    def _note_loss(self, job_id: str, reason: str, loss: Loss) -> None:
        outputs = finished_outputs(self._locations.work_directory(job_id))
        self._queue.lost(job_id, reason, loss, outputs=outputs)

    def _note_end(self, job_id: str, end: WorkerEnd) -> None:
        match end:
            case WorkerFinished(result=result):
                self._queue.finished(job_id, result)
                _log.info("done in %.1f s", result.render_seconds)
            case WorkerFailed(error=error):
                self._queue.failed(job_id, error)
                _log.warning("failed: %s", error.sentence())
            case WorkerStopped():
                self._queue.given_back(job_id)
                _log.info("stopped")
            case WorkerOutOfMemory(told=told):
                _log.warning("out of memory: %s", told)
                self._note_loss(job_id, told, Loss.MEMORY)
            case WorkerDeviceLost(reason=reason):
                _log.warning("the device is lost: %s", reason)
                self._note_loss(job_id, reason, Loss.DEVICE)

    def _clean(self, attempt: _Attempt, *, done: bool = False) -> None:
        """Delete the frames of a job that is done or cancelled, and the outputs a failed one has begun."""
        work = self._locations.work_directory(attempt.job_id)
        if done or attempt.discard:
            discard_work(work, keep_outputs=done)
        elif attempt.job_id in self._queue.job_ids(JobState.FAILED):
            delete_outputs(work)

    async def _follow(self, attempt: _Attempt) -> WorkerEnd:
        loop = asyncio.get_running_loop()
        while True:
            report = await attempt.worker.next_report()
            if isinstance(report, WorkerEnd):
                if report.job_id == attempt.job_id:
                    return report
            elif report is not None:
                self._pass_on(attempt, report)
            if attempt.stop_at is not None and loop.time() > attempt.stop_at:
                raise WorkerLostError("it did not stop when it was told to")

    def _pass_on(self, attempt: _Attempt, report: WorkerReport) -> None:
        match report:
            case WorkerProgress(job_id=job_id, progress=progress) if job_id == attempt.job_id:
                self._queue.progressed(job_id, progress)
            case WorkerPreview(job_id=job_id, frame=frame, jpeg_base64=text) if job_id == attempt.job_id:
                self._publish(PreviewPicture(job_id=job_id, frame=frame, jpeg=base64.b64decode(text)))

    async def _settle(self, write: Callable[[], None]) -> None:
        """Write what became of a job; a full disk delays it, so that the result is not lost."""
        while True:
            try:
                write()
            except UserError as error:
                if self._stopping:
                    _log.error("not written before the end: %s", error)
                    return
                await self._trouble(error)
            else:
                return

    async def _trouble(self, error: UserError) -> None:
        _log.warning("the queue waits: %s", error)
        self.notice = f"The queue waits a moment and tries again: {error}"
        await self._pause(_LONGEST_PAUSE_S)
        self.notice = ""

    async def _start_failed(self, error: WorkerStartError) -> None:
        """Wait longer each time; after a dozen the queue is paused, before all its jobs fail for nothing."""
        self._starts_failed += 1
        _log.warning("the worker did not start (%d in a row): %s", self._starts_failed, error)
        if self._starts_failed < _START_LIMIT:
            self.notice = f"The render process does not start ({error}); it is tried again."
            await self._pause(min(0.1 * 2**self._starts_failed, _LONGEST_PAUSE_S))
            return
        self.notice = ""
        reason = (
            f"The queue is paused: the render process does not start ({error}). "
            f"Look into {self._locations.log / 'worker.log'}, then resume the queue."
        )
        await self._settle(lambda: self._queue.stop_starting(reason))

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._stopping and loop.time() < until:
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
                    self._wake.clear()
            except TimeoutError:
                return
