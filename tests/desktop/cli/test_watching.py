"""Waiting for jobs whose engine ends."""

import asyncio
from pathlib import Path

import pytest

from desktop.cli.watching import JobBars, watch_jobs
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import AfterCrash, EngineStatus, JobState, QueueStatus
from engine.protocol.messages import GetStatus
from tests.job_views import job

JOB = job(1, JobState.RUNNING)
STATUS = EngineStatus(
    process_id=1,
    worker_process_id=None,
    version="0",
    protocol_version=1,
    uptime_s=1.0,
    clients=1,
    queue=QueueStatus(paused=False, needs_answer=False, after_crash=AfterCrash.RUN, counts={}),
    log_directory=Path("log"),
)


class EngineThatEnds:
    """Answers, and then ends without another event."""

    async def send(self, command):
        return STATUS if isinstance(command, GetStatus) else JOB

    async def events(self):
        for event in ():
            yield event


def test_a_render_whose_engine_is_gone_is_no_success():
    with pytest.raises(UserError) as caught:
        asyncio.run(watch_jobs(EngineThatEnds(), [JOB], JobBars(quiet=True)))
    assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE
    assert "masque engine start" in caught.value.report.next_step
