"""The render that the engine is at: the memory it holds will be free when the next one's turn comes."""

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
NOT_OURS_BYTES = 1_000_000_000
"""Of a card that a render is using: what may be others', which cannot be told from what is the render's."""
PATIENCE = ClientTimeouts(connect_s=3.0, reply_s=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRender:
    """A render in the engine's worker: the host memory it holds, and whether it computes on the device."""

    host_bytes: int
    uses_device: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMachine:
    """A machine to plan for. `render_runs`: with its memory as it will be when the running render is done."""

    machine: Machine
    render_runs: bool = False


async def running_render() -> RunningRender | None:
    """Return the render that the engine is at; None where it is at none or does not run. Never starts it.

    Raises UserError for an engine that does not let this Masque ask.
    """
    try:
        async with EngineClient.connect(start=False, timeouts=PATIENCE) as client:
            jobs = (await client.send(ListJobs())).jobs
            running = next((job for job in jobs if job.state is JobState.RUNNING), None)
            worker = (await client.send(GetStatus())).worker_process_id
    except UserError as error:
        if error.report.code is not ErrorCode.ENGINE_UNREACHABLE:
            raise
        return None
    if running is None:
        return None
    return RunningRender(
        host_bytes=0 if worker is None else _resident_bytes(worker),
        uses_device=running.renderer == RendererName.DIFFUSION.value,
    )


def seen_machine(machine: Machine, running: RunningRender | None) -> SeenMachine:
    """Return a machine that was looked at while that render ran, as it will be afterwards."""
    if running is None:
        return SeenMachine(machine=machine)
    now = _with_host_memory(machine.now, running.host_bytes)
    if machine.identity.is_processor:
        now = replace(
            now,
            device_free_bytes=min(now.device_total_bytes, now.device_free_bytes + running.host_bytes),
            others_bytes=max(0, now.others_bytes - running.host_bytes),
        )
    else:
        now = _with_card(now, is_used=running.uses_device)
    return SeenMachine(machine=replace(machine, now=now), render_runs=True)


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
