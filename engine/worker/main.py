"""The worker: renders one job at a time for the server that started it, and ends with it."""

import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from engine.jobs.file_lock import FileLock
from engine.jobs.logs import about_job, log_to_stderr
from engine.locations import EngineLocations, engine_locations
from engine.media.write_errors import write_error
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.messages import RenderJob, WorkerFailed, WorkerFinished, WorkerReport, WorkerStopped
from engine.protocol.render_request import RendererName
from engine.renderers.catalogue import make_renderer
from engine.renderers.renderer import RendererFactory, RenderStoppedError
from engine.renderers.work_directory import LOCK_NAME, discard_work
from engine.worker.job_report import JobReport
from engine.worker.orders import Orders
from engine.worker.report_pipe import Heartbeat, ReportPipe

_log = logging.getLogger(__name__)
_BEAT_EVERY_S = 0.5
_LOCK_PATIENCE_S = 30.0
_NICENESS = 5


def run_worker(renderers: Mapping[RendererName, RendererFactory]) -> int:
    """Render what the server on standard input orders until it is gone. Returns the exit code."""
    pipe = ReportPipe.take_standard_output()
    log_to_stderr()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the server's to handle
    if sys.platform != "win32":
        os.nice(_NICENESS)
    locations = engine_locations()
    heartbeat = Heartbeat(pipe, _BEAT_EVERY_S)
    orders = Orders(sys.stdin.buffer)
    if RendererName.DRAFT in renderers:
        make_renderer(RendererName.DRAFT, locations.cache, renderers)  # loaded before the first beat
    heartbeat.start()
    orders.start()
    _log.info("worker %d ready", os.getpid())
    while (job := orders.next_job()) is not None:
        with about_job(job.job_id):
            report = JobReport(job.job_id, job.request.frame_count, pipe, heartbeat, orders)
            pipe.send(_render(job, locations, renderers, report, orders))
    heartbeat.stop()
    orders.finish()
    return 0


def _render(
    job: RenderJob,
    locations: EngineLocations,
    renderers: Mapping[RendererName, RendererFactory],
    report: JobReport,
    orders: Orders,
) -> WorkerReport:
    """Render a job; whatever happens becomes a report."""
    work = locations.work_directory(job.job_id)
    try:
        with _alone_in(work, report):
            renderer = make_renderer(job.request.renderer, locations.cache, renderers)
            result = renderer.render(job.request, work, report)
        return WorkerFinished(job_id=job.job_id, result=result)
    except RenderStoppedError:
        if orders.should_discard(job.job_id):
            discard_work(work)
        return WorkerStopped(job_id=job.job_id)
    except UserError as error:
        return WorkerFailed(job_id=job.job_id, error=error.report)
    except OSError as error:
        _log.exception("the disk refused")
        known = write_error(error, Path(error.filename or work / "frames"))
        return WorkerFailed(job_id=job.job_id, error=known.report if known else _fault(job, locations))
    except MemoryError:
        _log.exception("out of memory")
        return WorkerFailed(job_id=job.job_id, error=_out_of_memory(job))
    except Exception:  # noqa: BLE001 - the job runner's boundary: a fault in one job must not end the next
        _log.exception("the render failed")
        return WorkerFailed(job_id=job.job_id, error=_fault(job, locations))
    finally:
        orders.forget(job.job_id)


def _alone_in(work: Path, report: JobReport) -> FileLock:
    """Take the job's work directory; wait for a worker of an engine that has just died to leave it."""
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / LOCK_NAME)
    until = time.monotonic() + _LOCK_PATIENCE_S
    while not lock.try_acquire():
        if report.should_stop():
            raise RenderStoppedError
        if time.monotonic() > until:
            raise UserError(
                f"Another render process still works in {work}.",
                next_step="End that process or restart the machine, then retry the job.",
                code=ErrorCode.WORKER_LOST,
            )
        report.step()
        time.sleep(0.05)
    return lock


def _out_of_memory(job: RenderJob) -> ErrorReport:
    request = job.request
    return ErrorReport(
        code=ErrorCode.OUT_OF_MEMORY,
        message=f"There was not enough memory to render “{request.scene_name}” "
        f"at {request.width}x{request.height}.",
        next_step="Close other programs or choose a smaller size, then retry the job.",
    )


def _fault(job: RenderJob, locations: EngineLocations) -> ErrorReport:
    return ErrorReport(
        code=ErrorCode.INTERNAL,
        message=f"“{job.request.scene_name}” could not be rendered because of a fault in Masque.",
        next_step=f"Look into {locations.log / 'worker.log'} for job {job.job_id}, and report what it says.",
        details={"job_id": job.job_id},
    )
