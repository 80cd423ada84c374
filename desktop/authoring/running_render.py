"""The running engine: the limit it was started with, under which the next render will be planned as well,
and the render it is at: the memory that one holds will be free when the next one's turn comes.
"""

import logging
from dataclasses import dataclass, replace

import psutil

from engine.client import ClientTimeouts, EngineClient
from engine.planning.machine import Machine, MemoryNow
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import JobState
from engine.protocol.messages import GetStatus, ListJobs
from engine.protocol.render_request import RendererName

LOG = logging.getLogger(__name__)
A_RENDER_RUNS = "A render is running. Its memory is counted as free: it will be by then."
ANOTHER_LIMIT = (
    "The running engine was started with another MASQUE_DEVICE_MEMORY than is set here. Renders keep to the "
    "engine's until it is stopped (masque engine stop) and started again."
)
NOT_OURS_BYTES = 1_000_000_000
"""Of a card that a render is using: what may be others', which cannot be told from what is the render's."""
PATIENCE = ClientTimeouts(connect_s=3.0, reply_s=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRender:
    """A render in the engine's worker: the host memory it holds, and whether it computes on the device."""

    host_bytes: int
    uses_device: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNow:
    """What the running engine tells: the device memory its renders may use, None without a limit, and the
    render it is at.
    """

    limit_bytes: int | None = None
    render: RunningRender | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMachine:
    """A machine to plan for. `render_runs`: with its memory as it will be when the running render is done.

    `engine_runs`: with the running engine's limit, which is another than this process's with `another_limit`.
    """

    machine: Machine
    render_runs: bool = False
    engine_runs: bool = False
    another_limit: bool = False


async def running_engine() -> EngineNow | None:
    """Return what the engine tells, None where none runs. Never starts it.

    Raises UserError for an engine that does not let this Masque ask.
    """
    try:
        async with EngineClient.connect(start=False, timeouts=PATIENCE) as client:
            jobs = (await client.send(ListJobs())).jobs
            running = next((job for job in jobs if job.state is JobState.RUNNING), None)
            status = await client.send(GetStatus())
    except UserError as error:
        if error.report.code is not ErrorCode.ENGINE_UNREACHABLE:
            raise
        return None
    if running is None:
        return EngineNow(limit_bytes=status.limit_bytes)
    worker = status.worker_process_id
    render = RunningRender(
        host_bytes=0 if worker is None else _resident_bytes(worker),
        uses_device=running.renderer == RendererName.DIFFUSION.value,
    )
    return EngineNow(limit_bytes=status.limit_bytes, render=render)


def with_limit_of(engine: EngineNow | None, machine: Machine) -> SeenMachine:
    """Return a machine with the limit that a render will keep to: the running engine's, else as it is."""
    if engine is None:
        return SeenMachine(machine=machine)
    now = replace(machine.now, limit_bytes=engine.limit_bytes)
    return SeenMachine(machine=replace(machine, now=now), engine_runs=True, another_limit=now != machine.now)


def seen_machine(machine: Machine, engine: EngineNow | None) -> SeenMachine:
    """Return a machine with the engine's limit; one looked at while a render ran as it will be afterwards."""
    seen = with_limit_of(engine, machine)
    if engine is None or engine.render is None:
        return seen
    machine, running = seen.machine, engine.render
    now = _with_host_memory(machine.now, running.host_bytes)
    if machine.identity.is_processor:
        now = replace(
            now,
            device_free_bytes=min(now.device_total_bytes, now.device_free_bytes + running.host_bytes),
            others_bytes=max(0, now.others_bytes - running.host_bytes),
        )
    else:
        now = _with_card(now, is_used=running.uses_device)
    return replace(seen, machine=replace(machine, now=now), render_runs=True)


def _with_host_memory(now: MemoryNow, held_bytes: int) -> MemoryNow:
    return replace(now, host_free_bytes=min(now.host_total_bytes, now.host_free_bytes + held_bytes))


def _with_card(now: MemoryNow, *, is_used: bool) -> MemoryNow:
    """Return the card's memory with all but a reserve free, and none of it laid to others."""
    free = max(now.device_free_bytes, now.device_total_bytes - NOT_OURS_BYTES)
    return replace(now, device_free_bytes=free if is_used else now.device_free_bytes, others_bytes=0)


def _resident_bytes(process_id: int) -> int:
    """Return the memory of a process; none for one that has ended meanwhile."""
    try:
        return int(psutil.Process(process_id).memory_info().rss)
    except psutil.Error as error:
        LOG.info("The worker %d was not looked at: %s", process_id, error)
        return 0
