"""`masque queue`."""

import asyncio
from typing import Annotated

import typer

from desktop.cli.job_text import job_line, queue_notes
from desktop.cli.presenting import JsonOption, console, present, shown, table
from engine.client import EngineClient
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import AfterCrash, EngineStatus, JobState, JobView, QueueStatus
from engine.protocol.messages import (
    CancelJob,
    ClearFinished,
    GetStatus,
    JobList,
    ListJobs,
    MoveJob,
    PauseJob,
    PauseQueue,
    ResumeJob,
    ResumeQueue,
    RetryJob,
    SetAfterCrash,
    SetPriority,
)

app = typer.Typer(help="Show and control the render queue.", no_args_is_help=True, add_completion=False)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id or its beginning.")]
MaybeJobArgument = Annotated[str | None, typer.Argument(metavar="[JOB]", help="One job; else the queue.")]


@app.command("list")
def list_jobs(as_json: JsonOption = False) -> None:
    """List the jobs in the order they run."""
    jobs, status = asyncio.run(_jobs())
    present(as_json, {"jobs": jobs, "queue": status.queue, "notice": status.notice}, *queue_notes(status))
    if as_json:
        return
    rows = [
        (
            job.job_id[:8],
            job.state.value,
            f"{job.scene_name} take {job.take_number}",
            job.renderer,
            f"{job.progress.frames_done}/{job.progress.frame_count or '?'}",
            job.progress.phase.lower() if job.state is JobState.RUNNING else "",
            _left(job),
        )
        for job in jobs
    ]
    if rows:
        console().print(table(("job", "state", "scene", "renderer", "frames", "", ""), rows))
    else:
        console().print("The queue is empty. Add to it with masque render PROJECT.")


@app.command()
def pause(
    job: MaybeJobArgument = None,
    now: Annotated[bool, typer.Option("--now", help="Also stop the running job.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Pause one job or, without a job, the queue after the running one."""
    asyncio.run(_control_job_or_queue(job, PauseJob, PauseQueue(now=now), as_json=as_json))


@app.command()
def resume(job: MaybeJobArgument = None, as_json: JsonOption = False) -> None:
    """Go on with one job or the queue."""
    asyncio.run(_control_job_or_queue(job, ResumeJob, ResumeQueue(), as_json=as_json))


@app.command()
def cancel(job: JobArgument, as_json: JsonOption = False) -> None:
    """Cancel a job that is queued, running or paused."""
    asyncio.run(_control_job(job, CancelJob, as_json=as_json))


@app.command()
def retry(job: JobArgument, as_json: JsonOption = False) -> None:
    """Queue a failed or cancelled job again."""
    asyncio.run(_control_job(job, RetryJob, as_json=as_json))


@app.command()
def move(
    job: JobArgument,
    position: Annotated[int, typer.Argument(help="New place among the waiting jobs; 1 is next.")],
    as_json: JsonOption = False,
) -> None:
    """Move a waiting job."""
    if position < 1:
        raise UserError("Places in the queue are counted from 1.", next_step="Give 1 for the next job.")

    async def run() -> JobView:
        async with EngineClient.connect(start=True) as client:
            found = await _find(client, job)
            return await client.send(MoveJob(job_id=found.job_id, position=position - 1))

    _present_job(asyncio.run(run()), as_json=as_json)


@app.command()
def priority(job: JobArgument, value: Annotated[int, typer.Argument()], as_json: JsonOption = False) -> None:
    """Set a job's priority; higher runs first."""

    async def run() -> JobView:
        async with EngineClient.connect(start=True) as client:
            found = await _find(client, job)
            return await client.send(SetPriority(job_id=found.job_id, priority=value))

    _present_job(asyncio.run(run()), as_json=as_json)


@app.command()
def clear(as_json: JsonOption = False) -> None:
    """Forget finished jobs; takes and files stay."""

    async def run() -> JobList:
        async with EngineClient.connect(start=True) as client:
            return await client.send(ClearFinished())

    removed = asyncio.run(run()).jobs
    present(as_json, {"removed": [job.job_id for job in removed]}, f"Cleared {len(removed)} finished jobs.")


@app.command("after-crash")
def after_crash(policy: AfterCrash, as_json: JsonOption = False) -> None:
    """Choose what happens to the queue when the engine starts after a crash."""

    async def run() -> QueueStatus:
        async with EngineClient.connect(start=True) as client:
            return await client.send(SetAfterCrash(policy=policy))

    present(as_json, {"queue": asyncio.run(run())}, f"After a crash: {policy.value}.")


async def _jobs() -> tuple[tuple[JobView, ...], EngineStatus]:
    async with EngineClient.connect(start=True) as client:
        return (await client.send(ListJobs())).jobs, await client.send(GetStatus())


async def _find(client: EngineClient, prefix: str) -> JobView:
    jobs = (await client.send(ListJobs())).jobs
    found = [job for job in jobs if prefix and job.job_id.startswith(prefix)]
    if len(found) != 1:
        raise UserError(
            f"There {'is no job' if not found else 'are several jobs'} “{prefix}”.",
            next_step="See masque queue list.",
            code=ErrorCode.NOT_FOUND,
        )
    return found[0]


async def _control_job(
    prefix: str,
    command: type[PauseJob] | type[ResumeJob] | type[CancelJob] | type[RetryJob],
    *,
    as_json: bool,
) -> None:
    async with EngineClient.connect(start=True) as client:
        found = await _find(client, prefix)
        _present_job(await client.send(command(job_id=found.job_id)), as_json=as_json)


async def _control_job_or_queue(
    prefix: str | None,
    job_command: type[PauseJob] | type[ResumeJob],
    queue_command: PauseQueue | ResumeQueue,
    *,
    as_json: bool,
) -> None:
    if prefix is not None:
        await _control_job(prefix, job_command, as_json=as_json)
        return
    async with EngineClient.connect(start=True) as client:
        status = await client.send(queue_command)
    state = "paused" if status.paused else "running"
    present(as_json, {"queue": status}, f"The queue is {state}.")


def _present_job(job: JobView, *, as_json: bool) -> None:
    present(as_json, {"job": job}, job_line(job))


def _left(job: JobView) -> str:
    if job.error is not None:
        return shown(job.error.sentence())
    left = job.progress.seconds_left
    return "" if left is None else f"{left:.0f} s left"
