"""The worker: renders one job at a time for the server that started it, and ends with it."""

import logging
import os
import signal
import sys
from collections.abc import Mapping

from engine.jobs.logs import about_job, log_to_stderr
from engine.locations import engine_locations
from engine.protocol.messages import RenderJob, WorkerDeviceLost, WorkerExit, leaves_worker_usable
from engine.protocol.render_request import RendererName
from engine.renderers.catalogue import make_renderer
from engine.renderers.renderer import RendererFactory
from engine.worker.job_report import JobReport
from engine.worker.orders import Orders
from engine.worker.rendering import JobRendering
from engine.worker.report_pipe import Heartbeat, ReportPipe
from engine.worker.sole_use import ORPHAN_PATIENCE_S

_log = logging.getLogger(__name__)
_BEAT_EVERY_S = 0.5
_NICENESS = 5


def run_worker(
    renderers: Mapping[RendererName, RendererFactory], *, orphan_patience_s: float = ORPHAN_PATIENCE_S
) -> int:
    """Render what the server on standard input orders until it is gone. Returns the exit code.

    Ends the process itself, with a WorkerExit, after a job that leaves it unusable.
    """
    pipe = ReportPipe.take_standard_output()
    log_to_stderr()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the server's to handle
    if sys.platform != "win32":
        os.nice(_NICENESS)
    locations = engine_locations()
    heartbeat = Heartbeat(pipe, _BEAT_EVERY_S)
    orders = Orders(sys.stdin.buffer)
    rendering = JobRendering(
        locations=locations, renderers=renderers, orders=orders, orphan_patience_s=orphan_patience_s
    )
    if RendererName.DRAFT in renderers:
        make_renderer(RendererName.DRAFT, locations.cache, renderers)  # loaded before the first beat
    heartbeat.start()
    orders.start()
    _log.info("worker %d ready", os.getpid())
    while (job := orders.next_job()) is not None:
        with about_job(job.job_id):
            report = JobReport(job.job_id, job.request.frame_count, pipe, heartbeat, orders)
            _render(rendering, job, report, pipe)
    heartbeat.stop()
    orders.finish()
    return 0


def _render(rendering: JobRendering, job: RenderJob, report: JobReport, pipe: ReportPipe) -> None:
    """Render a job and report what became of it; end the process where that leaves it unusable.

    At once: libraries that clean up without memory, or on a lost device, hang or crash.
    """
    try:
        end = rendering.outcome(job, report)
        pipe.send(end)
    except MemoryError:
        os._exit(WorkerExit.OUT_OF_MEMORY)  # not even a report can be made: the exit code says it
    if not leaves_worker_usable(end):
        _log.info("worker %d ends: it cannot be used again", os.getpid())
        lost_device = isinstance(end, WorkerDeviceLost)
        os._exit(WorkerExit.DEVICE_LOST if lost_device else WorkerExit.OUT_OF_MEMORY)
