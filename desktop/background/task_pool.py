"""Work off the GUI thread: plain functions run in a small pool, results come back as signals with an id."""

import logging
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal, Slot

from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from projects_db.errors import ProjectError

LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


class TaskPool(QObject):
    """Runs functions on worker threads.

    `task_done(id, result)` and `task_failed(id, ErrorReport)` arrive on the GUI thread, as do the two
    callbacks of `run`. A task whose owner no longer wants it is forgotten: neither callback is called then.
    """

    task_done = Signal(int, object)
    task_failed = Signal(int, object)

    def __init__(self, threads: int = 2) -> None:
        super().__init__()
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="masque-pool")
        self._numbers = count(1)
        self._callbacks: dict[int, tuple[Callable[[Any], None], Callable[[ErrorReport], None]]] = {}
        self._futures: dict[int, Future[None]] = {}
        self._closed = False
        self.task_done.connect(self._on_task_done)
        self.task_failed.connect(self._on_task_failed)

    def run(
        self,
        work: Callable[[], Result],
        *,
        on_done: Callable[[Result], None],
        on_failed: Callable[[ErrorReport], None],
    ) -> int:
        """Queue `work` and return its id."""
        number = next(self._numbers)
        if self._closed:
            return number
        self._callbacks[number] = (on_done, on_failed)
        self._futures[number] = self._executor.submit(self._work, number, work)
        return number

    def forget(self, number: int) -> None:
        """Drop a task: it does not start any more if it has not, and nobody hears of its result."""
        self._callbacks.pop(number, None)
        future = self._futures.pop(number, None)
        if future is not None:
            future.cancel()

    @property
    def busy(self) -> bool:
        """Whether results are still to come."""
        return bool(self._callbacks)

    def close(self) -> None:
        """Drop what waits and end the threads once their present task returns."""
        self._closed = True
        self._callbacks.clear()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _work(self, number: int, work: Callable[[], object]) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - the pool is where a task's failure becomes a report
            self.task_failed.emit(number, report_of(error))
        else:
            self.task_done.emit(number, result)

    @Slot(int, object)
    def _on_task_done(self, number: int, result: object) -> None:
        self._futures.pop(number, None)
        callbacks = self._callbacks.pop(number, None)
        if callbacks is not None:
            callbacks[0](result)

    @Slot(int, object)
    def _on_task_failed(self, number: int, report: ErrorReport) -> None:
        self._futures.pop(number, None)
        callbacks = self._callbacks.pop(number, None)
        if callbacks is not None:
            callbacks[1](report)


def report_of(error: Exception) -> ErrorReport:
    """Return what a person is told about an error; a fault of Masque goes to the log with its traceback."""
    if isinstance(error, UserError):
        return error.report
    if isinstance(error, ProjectError):
        return ErrorReport(code=ErrorCode.PROJECT_UNUSABLE, message=error.message, next_step=error.next_step)
    LOG.error("Unexpected failure:\n%s", "".join(traceback.format_exception(error)))
    return ErrorReport(
        code=ErrorCode.INTERNAL,
        message="Something went wrong inside Masque.",
        next_step="Try again; the details are in the log.",
    )
