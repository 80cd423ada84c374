"""The way back to the server: lines on what was standard output, which nothing else may write to."""

import os
import sys
import threading
from typing import Self

from engine.protocol.codec import encode_report
from engine.protocol.messages import WorkerAlive, WorkerReport


class ReportPipe:
    """Writes reports, from any thread, each line whole. A server that is gone is no error here."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    @classmethod
    def take_standard_output(cls) -> Self:
        """Keep standard output for reports, and send to standard error what libraries print."""
        descriptor = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(descriptor)

    def send(self, report: WorkerReport) -> None:
        """Write one report."""
        data = memoryview(encode_report(report))
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                return


class Heartbeat:
    """Tells the server, from a thread of its own, that the worker lives and how many steps it took."""

    def __init__(self, pipe: ReportPipe, every_s: float) -> None:
        self._pipe = pipe
        self._every_s = every_s
        self._ticks = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first beat says that the worker is ready."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def tick(self) -> None:
        """Count a step of the render."""
        self._ticks += 1

    def _beat(self) -> None:
        while True:
            self._pipe.send(WorkerAlive(ticks=self._ticks))
            if self._end.wait(self._every_s):
                return
