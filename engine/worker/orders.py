"""Orders from the server: read by a thread, so that a stop is heard while a render runs."""

import os
import queue
import threading
from typing import BinaryIO

from engine.protocol.codec import decode_order
from engine.protocol.messages import RenderJob, StopRender, WorkerOrder

_GRACE_S = 10.0


class Orders:
    """What the server wants. When the server is gone, renders are told to stop and no further job comes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._jobs: queue.SimpleQueue[RenderJob | None] = queue.SimpleQueue()
        self._stops: dict[str, StopRender] = {}
        self._gone = threading.Event()
        self._finished = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def next_job(self) -> RenderJob | None:
        """Wait for the next job; None when the server is gone."""
        return self._jobs.get()

    def should_stop(self, job_id: str) -> bool:
        """Return whether the render of a job is to stop."""
        return self._gone.is_set() or job_id in self._stops

    def should_discard(self, job_id: str) -> bool:
        """Return whether the finished frames of a stopped job are to be deleted."""
        stop = self._stops.get(job_id)
        return stop is not None and stop.discard

    def forget(self, job_id: str) -> None:
        """Forget what was said about a job: its attempt is over."""
        self._stops.pop(job_id, None)

    def finish(self) -> None:
        """Say that the worker ends by itself."""
        self._finished.set()

    def _read(self) -> None:
        try:
            for line in self._stream:
                self._take(decode_order(line))
        finally:
            self._gone.set()
            self._jobs.put(None)
        if not self._finished.wait(_GRACE_S):
            os._exit(1)  # a render that does not end must not outlive the server: a new worker waits for it

    def _take(self, order: WorkerOrder) -> None:
        if isinstance(order, StopRender):
            self._stops[order.job_id] = order
        else:
            self._stops.pop(order.job_id, None)
            self._jobs.put(order)
