"""One job in the worker: whatever happens to it becomes a report."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.locations import EngineLocations
from engine.media.write_errors import write_error
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.messages import (
    RenderJob,
    WorkerDeviceLost,
    WorkerEnd,
    WorkerFailed,
    WorkerFinished,
    WorkerOutOfMemory,
    WorkerStopped,
)
from engine.protocol.render_request import RendererName
from engine.renderers.catalogue import make_renderer
from engine.renderers.renderer import (
    DeviceLostError,
    MemoryRanOutError,
    RendererFactory,
    RenderReport,
    RenderStoppedError,
)
from engine.renderers.work_directory import discard_work, note_memory_ran_out
from engine.worker.orders import Orders
from engine.worker.sole_use import sole_use

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRendering:
    """Renders jobs with the renderers there are. `orphan_patience_s`: see `sole_use`."""

    locations: EngineLocations
    renderers: Mapping[RendererName, RendererFactory]
    orders: Orders
    orphan_patience_s: float

    def outcome(self, job: RenderJob, report: RenderReport) -> WorkerEnd:
        """Render a job and return what became of it; never raises for the job's sake."""
        work = self.locations.work_directory(job.job_id)
        try:
            return WorkerFinished(job_id=job.job_id, result=self._result(job, work, report))
        except RenderStoppedError:
            if self.orders.should_discard(job.job_id):
                discard_work(work)
            return WorkerStopped(job_id=job.job_id)
        except MemoryRanOutError as error:
            _log.exception("out of memory: a fresh process goes on")
            return WorkerOutOfMemory(job_id=job.job_id, told=error.told)
        except DeviceLostError as error:
            _log.exception("the device is lost")
            return WorkerDeviceLost(job_id=job.job_id, reason=f"{error.device} stopped computing")
        except Exception as error:  # noqa: BLE001 - one job must not end the next
            return WorkerFailed(job_id=job.job_id, error=self._told(job, work, error))
        finally:
            self.orders.forget(job.job_id)

    def _told(self, job: RenderJob, work: Path, error: Exception) -> ErrorReport:
        """Return an error in words for people; what they need not read goes to the log."""
        match error:
            case UserError():
                return error.report
            case OSError():
                _log.exception("the disk refused")
                known = write_error(error, Path(error.filename or work / "frames"))
                return known.report if known else self._fault(job)
            case MemoryError():
                _log.exception("out of memory")
                return _out_of_memory(job)
        _log.exception("the render failed")
        return self._fault(job)

    def _result(self, job: RenderJob, work: Path, report: RenderReport) -> RenderResult:
        with sole_use(work, report, orphan_patience_s=self.orphan_patience_s):
            if job.memory_ran_out:
                note_memory_ran_out(work)
            renderer = make_renderer(job.request.renderer, self.locations.cache, self.renderers)
            return renderer.render(job.request, work, report)

    def _fault(self, job: RenderJob) -> ErrorReport:
        log = self.locations.log / "worker.log"
        return ErrorReport(
            code=ErrorCode.INTERNAL,
            message=f"“{job.request.scene_name}” could not be rendered because of a fault in Masque.",
            next_step=f"Look into {log} for job {job.job_id}, and report what it says.",
            details={"job_id": job.job_id},
        )


def _out_of_memory(job: RenderJob) -> ErrorReport:
    request = job.request
    return ErrorReport(
        code=ErrorCode.OUT_OF_MEMORY,
        message=f"There was not enough memory to render “{request.scene_name}” "
        f"at {request.width}x{request.height}.",
        next_step="Close other programs or choose a smaller size, then retry the job.",
    )
