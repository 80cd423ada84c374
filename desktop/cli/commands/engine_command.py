"""`masque engine`."""

import asyncio

import typer

from desktop.cli.job_text import queue_notes
from desktop.cli.presenting import JsonOption, present, shown
from engine.client import EngineClient
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import EngineStatus, JobState
from engine.protocol.messages import GetStatus

app = typer.Typer(help="Start, stop and ask after the engine.", no_args_is_help=True, add_completion=False)


@app.command()
def start(as_json: JsonOption = False) -> None:
    """Start the engine unless it runs."""
    _present(asyncio.run(_status(start=True)), as_json=as_json)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Say whether the engine runs and what it does."""
    try:
        found = asyncio.run(_status(start=False))
    except UserError as error:
        if error.report.code is not ErrorCode.ENGINE_UNREACHABLE:
            raise
        present(as_json, {"running": False}, "The engine is not running. It starts with the first render.")
        return
    _present(found, as_json=as_json)


@app.command()
def stop(as_json: JsonOption = False) -> None:
    """Stop the engine; a running job goes back to the queue with its finished frames."""

    async def run() -> None:
        async with EngineClient.connect(start=False) as client:
            await client.stop_engine()

    try:
        asyncio.run(run())
    except UserError as error:
        if error.report.code is not ErrorCode.ENGINE_UNREACHABLE:
            raise
        present(as_json, {"running": False}, "The engine is not running.")
        return
    present(as_json, {"running": False}, "The engine has stopped. Queued jobs wait for its next start.")


async def _status(*, start: bool) -> EngineStatus:
    async with EngineClient.connect(start=start) as client:
        return await client.send(GetStatus())


def _present(found: EngineStatus, *, as_json: bool) -> None:
    counts = found.queue.counts
    busy = ", ".join(f"{counts[state]} {state.value}" for state in JobState if counts.get(state))
    present(
        as_json,
        {"running": True, "status": found},
        f"The engine runs as process {found.process_id}; queue: {busy or 'empty'}"
        f"{', paused' if found.queue.paused else ''}.",
        *queue_notes(found),
        f"Logs are in {shown(found.log_directory)}.",
    )
