"""Diffusion jobs in the engine as users start it: killed, paused, cancelled, starved, one after the other."""

import asyncio
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil
import pytest

from engine.bundles.registry import register
from engine.locations import engine_locations
from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import FINISHED_STATES, JobState
from engine.protocol.memory_plan import Concession
from engine.protocol.messages import (
    CancelJob,
    JobChanged,
    PauseJob,
    ResumeJob,
    SubmitJob,
)
from tests.bundle_states import as_it_is
from tests.diffusion_cast import driven, region, speaking
from tests.engine.worker_kills import worker_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by POSIX signals")
ENCODING = ("Reading the prompt", "Looking at the plate", "Following the face", "Listening to the voice")
PORTRAIT, TALKING = "fantasyportrait_model.ckpt", "fantasytalking_model.ckpt"


@pytest.fixture
def installed(shared_real_engine, verified_bundle):
    """The bundle, installed in the engine that these tests share."""
    register(engine_locations().data, verified_bundle)
    return verified_bundle


@pytest.fixture
def long_shot(shot, samples):
    """Return a function that makes requests for one and the same shot of four pieces."""

    def make(**changes):
        settings = {"segment_frames": 9, "overlap_frames": 5, "steps": 12}
        return shot(characters=(driven(samples),), settings=settings, frame_count=20, **changes)

    return make


@asynccontextmanager
async def watching(client, job_id):
    """Yield a function that waits for a phase of a job; it fails where the job ends before."""
    events = client.events()

    async def until(phase):
        async with asyncio.timeout(PATIENCE_S):
            async for event in events:
                if isinstance(event, JobChanged) and event.job.job_id == job_id:
                    if event.job.progress.phase.startswith(phase):
                        return event.job
                    assert event.job.state not in FINISHED_STATES, (phase, event.job)
        raise AssertionError(phase)

    yield until
    await events.aclose()


def master(request):
    return (request.output_directory / "shot.mkv").read_bytes()


@pytest.fixture
def bad(shot, samples, tmp_path, verified_bundle):
    """Requests that cannot be rendered, and words that say why."""
    ada, ben = driven(samples), speaking(samples)
    swapped = tmp_path / "swapped"
    shutil.copytree(verified_bundle.folder, swapped)
    (swapped / PORTRAIT).rename(swapped / "kept")
    (swapped / TALKING).rename(swapped / PORTRAIT)
    (swapped / "kept").rename(swapped / TALKING)
    register(engine_locations().data, as_it_is(replace(verified_bundle, name="swapped", folder=swapped)))
    return [
        (shot(characters=(replace(ada, region=region(1.5)), ben)), "covers nothing of the picture"),
        (shot(characters=(ada, replace(ben, region=ada.region))), "entirely"),
        (shot(settings={"bundle": "swapped"}), "are the voice adapter"),
        (shot(settings={"bundle": "nowhere"}), "is not installed"),
        (shot(characters=(driven(samples, face_index=7),)), "driver_smile.mp4"),
    ]


async def phases_until_over(client, job_id):
    """Return the phases that each job tells of until that one is over."""
    phases = {}
    async with asyncio.timeout(PATIENCE_S):
        async for event in client.events():
            if isinstance(event, JobChanged):
                phases.setdefault(event.job.job_id, []).append(event.job.progress.phase)
                if event.job.job_id == job_id and event.job.state in FINISHED_STATES:
                    break
    return phases


async def test_bad_jobs_are_told_and_the_good_ones_between_them_are_rendered(
    shared_real_engine, connected, shot, finished, bad
):
    good = [shot(seed=1), shot(seed=2), shot(seed=1)]
    requests = [good[0], *(request for request, _ in bad[:3]), good[1], bad[3][0], bad[4][0], good[2]]
    async with connected() as client:
        jobs = {
            request.request_id: (await client.send(SubmitJob(request=request))).job_id for request in requests
        }
        phases = await phases_until_over(client, jobs[good[2].request_id])
        for request, words in bad:
            job = await finished(client, jobs[request.request_id])
            assert job.state is JobState.FAILED
            assert job.error.code is not ErrorCode.INTERNAL
            assert words in job.error.message
            assert (job.error.code is ErrorCode.RENDERER_UNAVAILABLE) == (words == "is not installed")
            assert job.error.next_step
        for request in good:
            assert (await finished(client, jobs[request.request_id])).state is JobState.DONE
    assert any(phase.startswith(ENCODING) for phase in phases[jobs[good[0].request_id]])
    assert not any(phase.startswith(ENCODING) for phase in phases[jobs[good[1].request_id]])
    assert master(good[0]) == master(good[2]) != master(good[1])


async def test_a_render_killed_in_one_piece_and_paused_in_another_leaves_the_same_master(
    shared_real_engine, connected, long_shot, finished
):
    undisturbed, request = long_shot(), long_shot()
    async with connected() as client:
        await finished(client, (await client.send(SubmitJob(request=undisturbed))).job_id)
        job = await client.send(SubmitJob(request=request))
        async with watching(client, job.job_id) as until:
            await until("Piece 2 of 4, step 3")
            os.kill(await worker_of(client), signal.SIGKILL)
            await until("Piece 4 of 4")
            assert (await client.send(PauseJob(job_id=job.job_id))).state is JobState.PAUSED
            await client.send(ResumeJob(job_id=job.job_id))
        done = await finished(client, job.job_id)
    assert (done.state, done.attempts) == (JobState.DONE, 0)
    assert master(request) == master(undisturbed)


async def test_a_cancel_is_heard_within_a_step_and_the_next_job_starts(
    shared_real_engine, connected, shot, finished
):
    request = shot(characters=(), settings={"steps": 40}, width=256, height=192, frame_count=33)
    async with connected() as client:
        job = await client.send(SubmitJob(request=request))
        following = await client.send(SubmitJob(request=shot(characters=())))
        steps, cancelling = [], None
        async with asyncio.timeout(PATIENCE_S):
            async for event in client.events():
                if not isinstance(event, JobChanged) or event.job.job_id != job.job_id:
                    continue
                if event.job.progress.phase.startswith("Step "):
                    steps.append(int(event.job.progress.phase.split()[1]))
                if steps and cancelling is None:
                    cancelling = steps[-1]
                    cancelled = await client.send(CancelJob(job_id=job.job_id))
                if event.job.state is JobState.CANCELLED:
                    break
        assert (await finished(client, following.job_id)).state is JobState.DONE
    assert cancelled.state is JobState.CANCELLED
    assert steps[-1] - cancelling <= 2  # the step that ends, and what was told before the order arrived
    assert list(request.output_directory.iterdir()) == []
    assert list((shared_real_engine.home / "data" / "work").iterdir()) == []


async def test_a_job_that_runs_out_of_memory_goes_on_with_less_of_it_in_a_fresh_worker(
    shared_real_engine, connected, shot, finished
):
    import resource  # not on Windows

    small, large = shot(characters=()), shot(characters=(), width=448, height=256, frame_count=5)
    async with connected() as client:
        await finished(client, (await client.send(SubmitJob(request=small))).job_id)
        worker = await worker_of(client)
        limit = psutil.Process(worker).memory_info().vms + 64 * 1024 * 1024
        resource.prlimit(worker, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        job_id = (await client.send(SubmitJob(request=large))).job_id
        done = await finished(client, job_id)
        assert await worker_of(client) != worker
    assert done.state is JobState.DONE, done.error
    assert done.attempts == 0
    (told,) = [line for line in done.result.warnings if line.startswith("Memory ran out while")]
    assert told.split(";")[1].startswith(" the render went on so that")
    assert done.result.diffusion.plan.concession is not Concession.NONE
