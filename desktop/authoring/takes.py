"""Takes: queueing renders, and taking the finished ones into the project, whoever was there at the time."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from desktop.authoring.media_import import relative_to_project
from desktop.authoring.render_requests import RenderSettings, build_render_request
from engine.client import EngineClient
from engine.protocol.codec import decode_result, encode_request, encode_result
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import JobState, JobView, RenderResult
from engine.protocol.messages import ListJobs, SubmitJob
from engine.protocol.render_request import RenderRequest
from projects_db.project_store import ProjectStore
from projects_db.records import TakeFileRecord, TakeRecord, TakeStatus

LOG = logging.getLogger(__name__)
RESULT_NAME = "take.json"
SUBMIT_GRACE = timedelta(seconds=60)
STATUS_OF_STATE = {JobState.FAILED: TakeStatus.FAILED, JobState.CANCELLED: TakeStatus.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTake:
    """A take that is in the project, ready to be submitted; `notes` are for a person to read."""

    take_id: str
    request: RenderRequest
    notes: tuple[str, ...] = ()


def plan_take(store: ProjectStore, scene_id: str, settings: RenderSettings) -> PlannedTake:
    """Add a waiting take to the project and return its render request.

    Raises UserError when the scene cannot be rendered; then no take is added.
    """
    take_id = uuid.uuid4().hex
    with store.change("Queue render") as change:
        number = max((take.number for take in store.takes(scene_id)), default=0) + 1
        built = build_render_request(
            store, store.scene(scene_id), settings, take_id=take_id, take_number=number
        )
        request = built.request
        change.add_take(
            take_id=take_id,
            scene_id=scene_id,
            renderer=request.renderer.value,
            seed=request.seed,
            request=encode_request(request),
            directory=relative_to_project(request.output_directory, store.folder),
        )
    return PlannedTake(take_id=take_id, request=request, notes=built.notes)


async def queue_take(
    store: ProjectStore, client: EngineClient, scene_id: str, settings: RenderSettings
) -> JobView:
    """Add a take and submit its render; a take the engine refuses is kept as failed, with the reason.

    Raises UserError when the scene cannot be rendered or the engine refuses.
    """
    planned = plan_take(store, scene_id, settings)
    try:
        return await submit_take(client, planned)
    except UserError as error:
        fail_take(store, planned.take_id, error)
        raise


async def submit_take(client: EngineClient, planned: PlannedTake) -> JobView:
    """Queue the render of a planned take. Raises UserError when the engine refuses it."""
    return await client.send(SubmitJob(request=planned.request))


def fail_take(store: ProjectStore, take_id: str, error: UserError) -> None:
    """Keep a take as failed, with the reason."""
    _finish(store, take_id, TakeStatus.FAILED, error=str(error))


def reconcile_takes(store: ProjectStore, jobs: Sequence[JobView] | None = None) -> tuple[TakeRecord, ...]:
    """Bring every take that is not done up to date and return those that changed.

    A render that finished while nobody listened left `take.json` in the take's folder. `jobs` are the jobs
    of this project, None when the engine does not run.
    """
    by_take = {job.take_id: job for job in jobs} if jobs is not None else None
    changed = []
    for take in store.takes():
        if take.status is not TakeStatus.DONE and _reconcile(store, take, by_take):
            changed.append(store.take(take.id))
    return tuple(changed)


async def reconcile_with_engine(store: ProjectStore) -> tuple[TakeRecord, ...]:
    """Reconcile the project's takes, asking the engine when it runs; never starts it."""
    try:
        async with EngineClient.connect(start=False) as client:
            listed = await client.send(ListJobs(project_id=store.project().id, with_cleared=True))
    except UserError as error:
        if error.report.code is not ErrorCode.ENGINE_UNREACHABLE:
            raise
        return reconcile_takes(store)
    return reconcile_takes(store, listed.jobs)


def _reconcile(store: ProjectStore, take: TakeRecord, jobs: dict[str, JobView] | None) -> bool:
    directory = take_directory(store, take)
    job = None if jobs is None else jobs.get(take.id)
    result = (job.result if job is not None else None) or _result_in(directory, take)
    if result is not None:
        _finish(store, take.id, TakeStatus.DONE, result=result, directory=directory)
        return True
    if jobs is None:
        return False
    if job is None:
        return _lost(store, take)
    status = STATUS_OF_STATE.get(job.state, TakeStatus.QUEUED)
    if status is take.status:
        return False
    if status is TakeStatus.QUEUED:
        with store.change("Render take again") as change:
            change.requeue_take(take.id)
    else:
        _finish(store, take.id, status, error=job.error.sentence() if job.error else None)
    return True


def _lost(store: ProjectStore, take: TakeRecord) -> bool:
    """A waiting take the engine has no job for, and that was not added just now, will never be rendered."""
    if take.status is not TakeStatus.QUEUED or datetime.now(UTC) - take.created_at < SUBMIT_GRACE:
        return False
    _finish(store, take.id, TakeStatus.FAILED, error="The engine has no job for this take. Render it again.")
    return True


def take_directory(store: ProjectStore, take: TakeRecord) -> Path:
    """Return the absolute folder of a take's files."""
    return (store.folder / take.directory).resolve()


def _result_in(directory: Path, take: TakeRecord) -> RenderResult | None:
    """Return the result that lies in the take's folder; a file that cannot be read is none, and is logged."""
    for file in sorted(directory.glob(f"*{RESULT_NAME}")):
        try:
            result = decode_result(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, UserError) as error:
            LOG.warning("%s is no result of a render: %s", file, error)
            continue
        if result.take_id == take.id:
            return result
    return None


def _finish(
    store: ProjectStore,
    take_id: str,
    status: TakeStatus,
    *,
    result: RenderResult | None = None,
    directory: Path | None = None,
    error: str | None = None,
) -> None:
    files: tuple[TakeFileRecord, ...] = ()
    if result is not None and directory is not None:
        files = tuple(
            TakeFileRecord(
                role=file.role.value,
                label=file.label,
                relative_path=relative_to_project(directory / file.name, store.folder),
                size_bytes=file.size_bytes,
            )
            for file in result.files
        )
    with store.change("Finish take") as change:
        change.finish_take(
            take_id,
            status=status,
            result=None if result is None else encode_result(result),
            files=files,
            error=error,
        )
