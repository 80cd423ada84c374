"""The window's line to the engine: finds it, listens, connects again when it was gone, and sends commands.

Runs on the Qt event loop (qasync). The engine is only started when the user asks for something that needs it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from desktop.background.task_pool import report_of
from engine.client import EngineClient
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.messages import (
    Command,
    GetStatus,
    ListJobs,
    PreviewPicture,
    QueueChanged,
)

LOG = logging.getLogger(__name__)
RETRY_S = 2.0


class LinkState(StrEnum):
    """Whether the engine can be heard."""

    NOT_RUNNING = "not_running"
    STARTING = "starting"
    READY = "ready"
    LOST = "lost"


class EngineLink(QObject):
    """One listening connection that lives as long as the window.

    `jobs_listed(jobs, queue status)` comes after each connecting, `notice_told(notice)` with it and whenever
    the queue is paused or resumed, `command_failed(ErrorReport)` when a command is refused or no engine can
    be started at all.
    """

    state_changed = Signal(object)
    jobs_listed = Signal(object, object)
    event_arrived = Signal(object)
    preview_arrived = Signal(str, int, bytes)
    notice_told = Signal(str)
    command_failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._state = LinkState.NOT_RUNNING
        self._client: EngineClient | None = None
        self._connected = asyncio.Event()
        self._look_now = asyncio.Event()
        self._start_wanted = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._problem: ErrorReport | None = None

    @property
    def state(self) -> LinkState:
        """Whether the engine can be heard."""
        return self._state

    def begin(self) -> None:
        """Start to look for the engine; needs the running event loop."""
        if self._listener is None:
            self._listener = asyncio.get_event_loop().create_task(self._keep_listening())

    def start_engine(self) -> None:
        """Start the engine if it does not run."""
        self._start_wanted = True
        self._look_now.set()

    def send(self, command: Command) -> None:
        """Send a command; the engine's events tell what came of it."""

        async def work(client: EngineClient) -> None:
            await client.send(command)

        self.use(work)

    def use(
        self,
        work: Callable[[EngineClient], Awaitable[None]],
        *,
        on_failed: Callable[[ErrorReport], None] | None = None,
    ) -> None:
        """Do something that needs the engine, starting it first where needed.

        A failure is told by `on_failed` and then, as always, by `command_failed`.
        """
        self._spawn(self._with_client(work, on_failed))

    async def close(self) -> None:
        """Hang up; the engine goes on."""
        tasks = [*self._tasks, *([self._listener] if self._listener is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener = None

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_event_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _with_client(
        self,
        work: Callable[[EngineClient], Awaitable[None]],
        on_failed: Callable[[ErrorReport], None] | None,
    ) -> None:
        try:
            if self._client is None:
                self._problem = None
                self.start_engine()
                await self._connected.wait()
            if self._client is None:
                raise UserError.from_report(self._problem or _unreachable())
            await work(self._client)
        except Exception as error:  # noqa: BLE001 - the end of a detached task: a report, never silence
            report = report_of(error)
            if on_failed is not None:
                on_failed(report)
            self.command_failed.emit(report)

    async def _keep_listening(self) -> None:
        while True:
            start, self._start_wanted = self._start_wanted, False
            self._look_now.clear()
            try:
                if start:
                    self._set_state(LinkState.STARTING)
                async with EngineClient.connect(start=start) as client:
                    await self._listen(client)
            except UserError as error:
                self._on_trouble(error, started=start)
            except Exception as error:
                LOG.exception("The line to the engine broke")
                self._on_trouble(error, started=start)
            self._hang_up()
            await self._wait_a_little()

    async def _listen(self, client: EngineClient) -> None:
        listed = await client.send(ListJobs(with_cleared=True))
        status = await client.send(GetStatus())
        self._client = client
        self.jobs_listed.emit(listed.jobs, status.queue)
        self._set_state(LinkState.READY)
        self._connected.set()
        self.notice_told.emit(status.notice)
        async for event in client.events():
            if isinstance(event, PreviewPicture):
                self.preview_arrived.emit(event.job_id, event.frame, event.jpeg)
                continue
            self.event_arrived.emit(event)
            if isinstance(event, QueueChanged):
                self.notice_told.emit((await client.send(GetStatus())).notice)

    def _on_trouble(self, error: Exception, *, started: bool) -> None:
        report = report_of(error)
        gone = isinstance(error, UserError) and report.code is ErrorCode.ENGINE_UNREACHABLE
        if started or not gone:
            self._problem = report
            if self._connected.is_set() is False and started:
                self._connected.set()
            elif not gone:
                self.command_failed.emit(report)

    def _hang_up(self) -> None:
        was_ready = self._state is LinkState.READY
        self._client = None
        self._connected.clear()
        if was_ready:
            self._set_state(LinkState.LOST)
        elif self._state is LinkState.STARTING:
            self._set_state(LinkState.NOT_RUNNING)

    async def _wait_a_little(self) -> None:
        try:
            async with asyncio.timeout(RETRY_S):
                await self._look_now.wait()
        except TimeoutError:
            return

    def _set_state(self, state: LinkState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)


def _unreachable() -> ErrorReport:
    return ErrorReport(
        code=ErrorCode.ENGINE_UNREACHABLE,
        message="The engine could not be started.",
        next_step="Try again, or look into the engine's log.",
    )
