"""A worker that does not read its orders is given up, and holds up neither the queue nor the engine's end."""

import asyncio
import sys
from pathlib import Path

import pytest

from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import JobState
from engine.protocol.messages import CancelJob, GetJob, PauseQueue, SubmitJob
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput
from tests.patience import PATIENCE_S

DEAF = Path(__file__).with_name("deaf_worker.py")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes hold another amount there")


@pytest.fixture
def large_request(make_request):
    """A request that no pipe holds."""
    box = RegionBox(x=0.1, y=0.1, width=0.5, height=0.5)
    keys = tuple(RegionKey(frame=frame, box=box) for frame in range(8000))
    region = FaceRegion(shape=RegionShape.BOX, feather=0.1, keys=keys)
    return make_request(characters=(CharacterInput(character_id="a", name="Anna", region=region),))


@pytest.fixture
def start_deaf(start_engine):
    def start(heartbeat_s):
        return start_engine(
            TINY_WORKER=f"{sys.executable} {DEAF}",
            TINY_LIMITS=f"heartbeat_s={heartbeat_s} stop_s=0.5 end_s=1",
        )

    return start


async def test_a_deaf_worker_is_lost_and_the_job_ends(start_deaf, connected, large_request, finished):
    start_deaf(0.3)
    async with connected() as client:
        job = await client.send(SubmitJob(request=large_request))
        failed = await finished(client, job.job_id)
    assert failed.state is JobState.FAILED
    assert failed.error.code is ErrorCode.WORKER_LOST
    assert "took no order" in failed.error.message


async def test_a_job_that_a_deaf_worker_holds_can_be_cancelled(start_deaf, connected, large_request, reached):
    start_deaf(1)
    async with connected() as client:
        job = await client.send(SubmitJob(request=large_request))
        await reached(client, job.job_id, lambda job: job.state is JobState.RUNNING)
        async with asyncio.timeout(PATIENCE_S):
            assert (await client.send(CancelJob(job_id=job.job_id))).state is JobState.CANCELLED
            assert (await client.send(PauseQueue(now=True))).paused
            assert (await client.send(GetJob(job_id=job.job_id))).state is JobState.CANCELLED


async def test_an_engine_with_a_deaf_worker_ends_when_told_to(start_deaf, connected, large_request, reached):
    engine = start_deaf(1)
    async with connected() as client:
        job = await client.send(SubmitJob(request=large_request))
        await reached(client, job.job_id, lambda job: job.state is JobState.RUNNING)
        engine.process.terminate()
        assert await asyncio.to_thread(engine.process.wait, PATIENCE_S) == 0
    assert not (engine.home / "runtime" / "engine.json").exists()
