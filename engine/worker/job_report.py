"""What a render tells the server, thinned out to what a person can follow."""

import base64
import time
from collections.abc import Callable

from engine.protocol.jobs import JobProgress
from engine.protocol.messages import WorkerPreview, WorkerProgress
from engine.worker.orders import Orders
from engine.worker.report_pipe import Heartbeat, ReportPipe

_PROGRESS_EVERY_S = 0.1
_PREVIEW_EVERY_S = 0.5


class JobReport:
    """The report of one job, as `engine.renderers.renderer.RenderReport`."""

    def __init__(
        self, job_id: str, frame_count: int, pipe: ReportPipe, heartbeat: Heartbeat, orders: Orders
    ) -> None:
        self._job_id = job_id
        self._frame_count = frame_count
        self._pipe = pipe
        self._heartbeat = heartbeat
        self._orders = orders
        self._phase = ""
        self._told_at = 0.0
        self._frames_told = -1
        self._preview_at = 0.0

    def step(self) -> None:
        """Note that the render is getting on."""
        self._heartbeat.tick()

    def progress(
        self, phase: str, frames_done: int, seconds_left: float | None, share: float | None = None
    ) -> None:
        """Tell how far the render is: a new phase and the last frame at once, the rest ten times a second."""
        self.step()
        now = time.monotonic()
        all_done = frames_done == self._frame_count != self._frames_told
        if phase == self._phase and not all_done and now - self._told_at < _PROGRESS_EVERY_S:
            return
        self._phase, self._told_at, self._frames_told = phase, now, frames_done
        progress = JobProgress(
            phase=phase,
            frames_done=frames_done,
            frame_count=self._frame_count,
            seconds_left=seconds_left,
            share=share,
        )
        self._pipe.send(WorkerProgress(job_id=self._job_id, progress=progress))

    def preview(self, frame: int, jpeg: Callable[[], bytes]) -> None:
        """Send a picture at most twice a second."""
        self.step()
        now = time.monotonic()
        if now - self._preview_at < _PREVIEW_EVERY_S:
            return
        self._preview_at = now
        text = base64.b64encode(jpeg()).decode()
        self._pipe.send(WorkerPreview(job_id=self._job_id, frame=frame, jpeg_base64=text))

    def should_stop(self) -> bool:
        """Return whether this render is to stop."""
        return self._orders.should_stop(self._job_id)
