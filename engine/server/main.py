"""The engine process: one per user, alive while there is work or somebody to talk to."""

import argparse
import asyncio
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from engine.client_address import EngineAddress, find_address, read_address, write_address
from engine.client_start import ALREADY_RUNNING_EXIT, start_detached
from engine.jobs.file_lock import FileLock
from engine.jobs.job_queue import JobQueue
from engine.jobs.job_store import JobStore
from engine.jobs.logs import log_to_file
from engine.locations import EngineLocations, engine_locations
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.version import PROTOCOL_VERSION, masque_version
from engine.renderers.work_directory import finished_outputs
from engine.server.commands import EngineCommands
from engine.server.connections import Connections
from engine.server.event_fanout import EventFanout
from engine.server.job_runner import JobRunner
from engine.server.settings import DEFAULT_IDLE_EXIT_S, IDLE_EXIT_VARIABLE, ServerSettings

_log = logging.getLogger(__name__)
_LISTENS_WITHIN_S = 30.0
_LOCK_PATIENCE_S = 3.0
_SHORTEST_STEP_S = 0.25


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the engine, or start it detached. Returns the exit code; what went wrong is on standard error."""
    parser = argparse.ArgumentParser(prog="python -m engine.server", description=__doc__)
    parser.add_argument("--detach", action="store_true", help="start the engine in the background and return")
    parser.add_argument("--idle-exit-s", type=float, default=_idle_exit_from_environment())
    parser.add_argument("--lock-patience-s", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        locations = engine_locations()
        if options.detach:
            return _detach(locations, options.idle_exit_s)
        settings = ServerSettings(idle_exit_s=options.idle_exit_s)
        return run_engine(locations, settings, lock_patience_s=options.lock_patience_s)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's standard error
        already = error.report.code is ErrorCode.ENGINE_ALREADY_RUNNING
        return ALREADY_RUNNING_EXIT if already else 1


def run_engine(locations: EngineLocations, settings: ServerSettings, *, lock_patience_s: float = 0.0) -> int:
    """Run the engine until it is stopped or no longer needed. Raises UserError(ENGINE_ALREADY_RUNNING)."""
    with FileLock(locations.lock_file) as lock:
        _acquire(lock, locations, lock_patience_s)
        lock.write(str(locations.runtime_file))
        log_to_file(locations.log / "engine.log")
        store, notice = JobStore.open_or_replace(locations.queue_database)
        if notice:
            _log.error(notice)
        try:
            asyncio.run(_serve(locations, settings, store, notice))
        finally:
            store.close()
    return 0


def _idle_exit_from_environment() -> float:
    try:
        return float(os.environ.get(IDLE_EXIT_VARIABLE, DEFAULT_IDLE_EXIT_S))
    except ValueError:
        return DEFAULT_IDLE_EXIT_S


def _acquire(lock: FileLock, locations: EngineLocations, patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while not lock.try_acquire():
        if time.monotonic() >= until:
            raise UserError(
                f"An engine is already running on {locations.data}.",
                next_step="Use it, or stop it with “masque engine stop”.",
                code=ErrorCode.ENGINE_ALREADY_RUNNING,
            )
        time.sleep(0.05)


async def _serve(locations: EngineLocations, settings: ServerSettings, store: JobStore, notice: str) -> None:
    fanout = EventFanout()
    queue = JobQueue(
        store,
        fanout.publish,
        notice=notice,
        finished_outputs=lambda job_id: finished_outputs(locations.work_directory(job_id)),
    )
    runner = JobRunner(queue, locations, settings, fanout.publish)
    stop = asyncio.Event()
    commands = EngineCommands(queue, runner, locations, stop=stop.set)
    token = secrets.token_hex(32)
    server = await Connections(commands, fanout, token).listen()
    running = asyncio.create_task(runner.run())
    running.add_done_callback(lambda _: stop.set())
    _stop_on_signals(stop)
    address = EngineAddress(
        process_id=os.getpid(),
        port=server.sockets[0].getsockname()[1],
        token=token,
        protocol_version=PROTOCOL_VERSION,
        masque_version=masque_version(),
    )
    write_address(locations.runtime_file, address)
    _log.info(
        "engine %s listens on port %d, process %d", address.masque_version, address.port, address.process_id
    )
    try:
        await _until_unused(stop, commands, runner, settings.idle_exit_s)
        await runner.shutdown()
        await running
    finally:
        store.close()
        if read_address(locations.runtime_file) == address:
            locations.runtime_file.unlink(missing_ok=True)
        server.close()
        await server.wait_closed()
        _log.info("engine ends")


async def _until_unused(
    stop: asyncio.Event, commands: EngineCommands, runner: JobRunner, idle_exit_s: float
) -> None:
    """Return when the engine is told to stop, or had neither client nor work for `idle_exit_s`."""
    step_s = max(_SHORTEST_STEP_S, min(1.0, idle_exit_s / 4))
    unused_s = 0.0
    while unused_s <= idle_exit_s:
        try:
            async with asyncio.timeout(step_s):
                await stop.wait()
                return
        except TimeoutError:
            unused_s = 0.0 if commands.clients or runner.busy else unused_s + step_s


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            loop.add_signal_handler(number, stop.set)


def _detach(locations: EngineLocations, idle_exit_s: float) -> int:
    """Start the engine in a session of its own; return when it listens, or its exit code when it does not."""
    command = [sys.executable, "-m", "engine.server", "--idle-exit-s", str(idle_exit_s)]
    process = start_detached([*command, "--lock-patience-s", str(_LOCK_PATIENCE_S)])
    until = time.monotonic() + _LISTENS_WITHIN_S
    while time.monotonic() < until:
        address = find_address(locations)
        if address is not None and address.process_id == process.pid:
            return 0
        try:
            return process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    return 1
