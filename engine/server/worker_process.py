"""The worker as a child process: orders go in, reports come out, and it is ended when it stops answering."""

import asyncio
import contextlib
import logging
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.client_start import source_root
from engine.jobs.logs import rotate
from engine.jobs.lost_attempts import Loss
from engine.locations import child_environment
from engine.memory.allocator_environment import allocator_environment
from engine.protocol.codec import MAX_CALL_BYTES, decode_report, encode_order
from engine.protocol.errors import UserError
from engine.protocol.messages import WorkerAlive, WorkerExit, WorkerOrder, WorkerReport
from engine.server.settings import WorkerLimits

_log = logging.getLogger(__name__)
SYSTEM_COUNTS = Path("/proc/vmstat")
_LONGEST_STEP_S = 1.0
_SIGKILL = 9
_BELOW_NORMAL_ON_WINDOWS = 0x00004000  # BELOW_NORMAL_PRIORITY_CLASS


class WorkerLostError(Exception):
    """The worker has ended, or has stopped answering; the text says which, as the end of a sentence."""

    def __init__(self, reason: str, loss: Loss = Loss.CRASH) -> None:
        super().__init__(reason)
        self.loss = loss


class WorkerStartError(Exception):
    """The worker did not come to life."""


class WorkerProcess:
    """A running worker: an async context manager, entered when it has answered once, left when it is gone."""

    def __init__(self, command: Sequence[str], limits: WorkerLimits, log_path: Path) -> None:
        self._command = command
        self._limits = limits
        self._log_path = log_path
        self._step_s = min(_LONGEST_STEP_S, limits.heartbeat_s / 4)
        self._reports: asyncio.Queue[WorkerReport | None] = asyncio.Queue()
        self._alive = asyncio.Event()
        self._silent_s = 0.0
        self._still_s = 0.0
        self._ticks = -1
        self._memory_kills = memory_kills()
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            self._process = await self._spawn()
        except OSError as error:
            raise WorkerStartError(f"it cannot be run: {error}") from error
        self._reader = asyncio.create_task(self._read(self._process))
        try:
            await self._first_sign_of_life()
        except BaseException:
            await self.kill()
            raise
        _log.info("worker %d started", self.process_id)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the worker: it ends by itself when its orders end; if not in time, it is killed."""
        process = self._running()
        if process.returncode is None and process.stdin is not None and error is None:
            process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.end_s):
                    await process.wait()
        await self.kill()

    @property
    def process_id(self) -> int:
        """The worker's process number."""
        return self._running().pid

    def expect_steps(self) -> None:
        """Begin to watch anew: an order to render is given."""
        self._still_s = 0.0
        self._memory_kills = memory_kills()

    async def send(self, order: WorkerOrder) -> None:
        """Give an order. A worker that is gone is noticed by `next_report`.

        Raises WorkerLostError where it does not take the order within the time between two signs of life.
        """
        stdin = self._running().stdin
        if stdin is None:
            return
        try:
            async with asyncio.timeout(self._limits.heartbeat_s):
                stdin.write(encode_order(order))
                await stdin.drain()
        except ConnectionError:
            return
        except TimeoutError:
            message = f"it took no order for {self._limits.heartbeat_s:g} seconds"
            raise WorkerLostError(message) from None

    async def next_report(self) -> WorkerReport | None:
        """Return the next report, or None when there was none for a moment. Raises WorkerLostError.

        Silence is added up in short steps, each counted once: a machine that slept, or a server that was held
        up itself, does not make a worker look dead.
        """
        try:
            async with asyncio.timeout(self._step_s):
                report = await self._reports.get()
        except TimeoutError:
            self._silent_s += self._step_s
            self._still_s += self._step_s
            if self._silent_s > self._limits.heartbeat_s:
                message = f"it gave no sign of life for {self._limits.heartbeat_s:g} seconds"
                raise WorkerLostError(message) from None
            if self._still_s > self._limits.tick_s:
                raise WorkerLostError(f"it took no step for {self._limits.tick_s:g} seconds") from None
            return None
        if report is None:
            raise await self._how_it_ended()
        return report

    async def kill(self) -> None:
        """End the process now; a stopped or stuck one too."""
        process = self._running()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.end_s):
                await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    async def _spawn(self) -> Process:
        rotate(self._log_path)
        flags = _BELOW_NORMAL_ON_WINDOWS if sys.platform == "win32" else 0
        with self._log_path.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=source_root(),
                env=allocator_environment(child_environment()),
                limit=MAX_CALL_BYTES,
                creationflags=flags,
            )

    async def _first_sign_of_life(self) -> None:
        process = self._running()
        ended = asyncio.create_task(process.wait())
        alive = asyncio.create_task(self._alive.wait())
        try:
            await asyncio.wait(
                {ended, alive}, timeout=self._limits.start_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ended.cancel()
            alive.cancel()
        if not self._alive.is_set():
            if process.returncode is None:
                raise WorkerStartError(f"it gave no sign of life within {self._limits.start_s:g} seconds")
            raise WorkerStartError(f"it ended with {process.returncode}")

    async def _read(self, process: Process) -> None:
        if process.stdout is None:
            return
        try:
            while line := await process.stdout.readline():
                self._receive(decode_report(line))
        except (UserError, ValueError):
            _log.exception("worker %d wrote what is not a report", process.pid)
        finally:
            self._reports.put_nowait(None)

    def _receive(self, report: WorkerReport) -> None:
        self._silent_s = 0.0
        if not isinstance(report, WorkerAlive):
            self._still_s = 0.0
            self._reports.put_nowait(report)
            return
        self._alive.set()
        if report.ticks != self._ticks:
            self._ticks = report.ticks
            self._still_s = 0.0

    async def _how_it_ended(self) -> WorkerLostError:
        process = self._running()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.end_s):
                await process.wait()
        code = process.returncode
        if code is None:
            return WorkerLostError("the render process stopped reporting")
        if code == WorkerExit.OUT_OF_MEMORY:
            return WorkerLostError("it had no memory left", Loss.MEMORY_KILL)
        if code >= 0:
            return WorkerLostError(f"it ended with code {code}")
        if code != -_SIGKILL:
            return WorkerLostError(f"it was ended by signal {-code}")
        if self._memory_kills is None or self._memory_kills != memory_kills():
            return WorkerLostError("the system ended it, most likely for want of memory", Loss.MEMORY_KILL)
        return WorkerLostError("somebody killed it", Loss.KILL)

    def _running(self) -> Process:
        if self._process is None:
            raise ValueError("the worker has not been started")
        return self._process


def memory_kills() -> int | None:
    """Return how many processes the system has ended for want of memory; None where it does not say."""
    try:
        lines = SYSTEM_COUNTS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
