"""The engine process: one per user, alive while there is work or somebody to talk to."""

import asyncio
import logging
import os
import secrets
import signal
import sys
import time

from engine.client_address import EngineAddress, read_address, write_address
from engine.jobs.file_lock import FileLock
from engine.jobs.job_queue import JobQueue
from engine.jobs.job_store import JobStore
from engine.jobs.logs import log_to_file
from engine.locations import EngineLocations
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.version import PROTOCOL_VERSION, masque_version
from engine.renderers.work_directory import finished_outputs
from engine.server.commands import EngineCommands
from engine.server.connections import Connections
from engine.server.event_fanout import EventFanout
from engine.server.job_runner import JobRunner
from engine.server.settings import ServerSettings

_log = logging.getLogger(__name__)
_SHORTEST_STEP_S = 0.25


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
