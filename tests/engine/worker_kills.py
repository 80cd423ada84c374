"""Workers of a real engine, found and killed at work."""

import asyncio
import os
import signal

from engine.protocol.jobs import FINISHED_STATES
from engine.protocol.messages import GetJob, GetStatus
from tests.patience import PATIENCE_S


async def worker_of(client, *, after=None):
    """Return the worker's process number, as soon as there is one; not that of `after`, which was killed."""
    async with asyncio.timeout(PATIENCE_S):
        while (number := (await client.send(GetStatus())).worker_process_id) in (None, after):
            await asyncio.sleep(0.01)
    return number


async def kill_workers(client, job_id, times):
    """Kill that many workers of a job, each once it has drawn more frames than those before it."""
    worker, drawn = None, 0
    for _ in range(times):
        worker = await worker_of(client, after=worker)
        drawn = await _more_frames(client, job_id, drawn)
        os.kill(worker, signal.SIGKILL)


async def _more_frames(client, job_id, drawn):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            job = await client.send(GetJob(job_id=job_id))
            assert job.state not in FINISHED_STATES, job
            now = job.progress
            # A new attempt tells of frames it has found before it draws one.
            if now.phase == "Rendering" and now.frames_done > drawn:
                return now.frames_done
            await asyncio.sleep(0.01)
