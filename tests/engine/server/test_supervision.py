"""Workers and engines that die, hang or cannot be started, as real processes that are really killed."""

import asyncio
import json
import os
import resource
import signal
import sys

import psutil
import pytest

from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import AfterCrash, JobState
from engine.protocol.messages import (
    CancelJob,
    GetJob,
    GetStatus,
    ListJobs,
    PauseJob,
    PauseQueue,
    ResumeQueue,
    RetryJob,
    SetAfterCrash,
    SubmitJob,
)
from tests.engine.worker_kills import kill_workers, worker_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="processes are killed and stopped by POSIX signals"
)


async def test_a_worker_killed_again_and_again_still_finishes_the_job(
    shared_engine, connected, make_request, finished
):
    async with connected() as client:
        undisturbed = make_request(frame_count=60)
        await finished(client, (await client.send(SubmitJob(request=undisturbed))).job_id)
        disturbed = make_request("slow", frame_count=60)
        job = await client.send(SubmitJob(request=disturbed))
        await kill_workers(client, job.job_id, 4)
        done = await finished(client, job.job_id)
    assert done.state is JobState.DONE
    assert done.attempts == 0
    pictures = [(request.output_directory / "shot.txt").read_text() for request in (undisturbed, disturbed)]
    assert pictures[0] == pictures[1]


async def test_a_worker_that_is_stopped_is_killed_and_replaced(
    start_engine, connected, make_request, reached, finished
):
    start_engine(TINY_LIMITS="heartbeat_s=1")
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("slow", frame_count=20)))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 5)
        stopped = await worker_of(client)
        os.kill(stopped, signal.SIGSTOP)
        done = await finished(client, job.job_id)
        assert done.state is JobState.DONE
        assert await worker_of(client) != stopped
    assert not psutil.pid_exists(stopped)


async def test_a_render_that_takes_no_step_is_given_up_and_the_next_job_runs(
    start_engine, connected, make_request, finished
):
    start_engine(TINY_LIMITS="heartbeat_s=3 tick_s=0.5")
    async with connected() as client:
        stuck = await client.send(SubmitJob(request=make_request("stuck")))
        fine = await client.send(SubmitJob(request=make_request()))
        failed = await finished(client, stuck.job_id)
        assert (await finished(client, fine.job_id)).state is JobState.DONE
    assert failed.state is JobState.FAILED
    assert failed.error.code is ErrorCode.WORKER_LOST
    assert "no step" in failed.error.message
    assert failed.attempts == failed.attempt_limit == 3


async def test_one_bad_job_never_stops_the_next(shared_engine, connected, make_request, finished):
    expected = {
        "unreadable": ErrorCode.FILE_UNREADABLE,
        "faulty": ErrorCode.INTERNAL,
        "greedy": ErrorCode.OUT_OF_MEMORY,
        "crashing": ErrorCode.WORKER_LOST,
    }
    async with connected() as client:
        bad = {name: await client.send(SubmitJob(request=make_request(name))) for name in expected}
        fine = await client.send(SubmitJob(request=make_request()))
        assert (await finished(client, fine.job_id)).state is JobState.DONE
        for name, code in expected.items():
            failed = await client.send(GetJob(job_id=bad[name].job_id))
            assert failed.state is JobState.FAILED
            assert failed.error.code is code
            assert failed.error.next_step
    log = (shared_engine.home / "log" / "worker.log").read_text()
    assert "ZeroDivisionError: a fault" in log
    assert f"[{bad['faulty'].job_id}]" in log
    assert "a library prints to standard output" in log


async def test_crashes_after_a_new_frame_are_not_counted(shared_engine, connected, make_request, finished):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("crumbling", frame_count=5)))
        assert (await finished(client, job.job_id)).state is JobState.DONE


async def test_crashes_after_a_new_file_of_the_take_are_not_counted(
    shared_engine, connected, make_request, finished
):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("piecemeal")))
        done = await finished(client, job.job_id)
    assert (done.state, done.progress.frames_done) == (JobState.DONE, 5)


async def test_a_failed_job_can_be_tried_again_from_its_frames(
    shared_engine, connected, make_request, finished, reached
):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("crashing")))
        assert (await finished(client, job.job_id)).attempts == 3
        again = await client.send(RetryJob(job_id=job.job_id))
        assert again.attempts == 0
        assert again.error is None
        assert (await finished(client, job.job_id)).attempts == 3


async def test_a_killed_engine_finds_its_queue_whole(
    start_engine, connected, make_request, reached, finished
):
    first = start_engine()
    async with connected() as client:
        jobs = [
            await client.send(SubmitJob(request=make_request("slow", frame_count=40))),
            *[await client.send(SubmitJob(request=make_request(f"waiting {n}"))) for n in range(3)],
        ]
        await client.send(PauseJob(job_id=jobs[2].job_id))
        await client.send(CancelJob(job_id=jobs[3].job_id))
        await reached(client, jobs[0].job_id, lambda job: job.progress.frames_done >= 10)
        orphans = first.kill()
    start_engine()
    async with connected() as client:
        after = (await client.send(ListJobs())).jobs
        assert {job.job_id for job in after} == {job.job_id for job in jobs}
        done = await finished(client, jobs[0].job_id)
        assert done.state is JobState.DONE
        assert done.attempts == 0
        assert (await finished(client, jobs[1].job_id)).state is JobState.DONE
        assert (await client.send(GetJob(job_id=jobs[2].job_id))).state is JobState.PAUSED
        assert (await client.send(GetJob(job_id=jobs[3].job_id))).state is JobState.CANCELLED
    lines = (done.output_directory / "shot.txt").read_text().splitlines()
    assert lines == [f"picture {n}" for n in range(40)]
    psutil.wait_procs(orphans, timeout=PATIENCE_S)
    assert not [orphan for orphan in orphans if orphan.is_running()]


async def test_a_stopped_worker_of_a_killed_engine_is_ended(
    start_engine, connected, make_request, reached, finished
):
    first = start_engine()
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("slow", frame_count=20)))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 2)
        orphan = psutil.Process(await worker_of(client))
        orphan.suspend()
        first.kill()
    start_engine(TINY_ORPHAN_S="0.3")
    async with connected() as client:
        assert (await finished(client, job.job_id)).state is JobState.DONE
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a kill from want of memory")
async def test_kills_from_outside_are_no_fault_of_the_job(shared_engine, connected, make_request, finished):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("stuck")))
        killed = set()
        while len(killed) < 4:
            number = await worker_of(client)
            if (
                number not in killed
                and (await client.send(GetJob(job_id=job.job_id))).state is JobState.RUNNING
            ):
                killed.add(number)
                os.kill(number, signal.SIGKILL)
            await asyncio.sleep(0.01)
        now = await client.send(GetJob(job_id=job.job_id))
        assert now.state in {JobState.QUEUED, JobState.RUNNING}
        assert now.attempts == 0


async def test_after_a_crash_the_queue_can_wait_for_the_user(
    start_engine, connected, make_request, reached, finished
):
    first = start_engine()
    async with connected() as client:
        await client.send(SetAfterCrash(policy=AfterCrash.ASK))
        job = await client.send(SubmitJob(request=make_request("slow", frame_count=30)))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 2)
        first.kill()
    start_engine()
    async with connected() as client:
        status = (await client.send(GetStatus())).queue
        assert status.paused
        assert status.needs_answer
        assert (await client.send(GetJob(job_id=job.job_id))).state is JobState.QUEUED
        notice = (await client.send(GetStatus())).notice
        assert "“slow”" in notice
        assert "Resume" in notice
        assert not (await client.send(ResumeQueue())).needs_answer
        assert (await client.send(GetStatus())).notice == ""
        assert (await finished(client, job.job_id)).state is JobState.DONE


async def test_an_engine_told_to_end_gives_the_running_job_back(
    start_engine, connected, make_request, reached, finished, masque_home
):
    first = start_engine()
    async with connected() as client:
        await client.send(SetAfterCrash(policy=AfterCrash.ASK))
        job = await client.send(SubmitJob(request=make_request("slow", frame_count=60)))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 10)
        first.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.process.wait, PATIENCE_S) == 0
    assert not (masque_home / "runtime" / "engine.json").exists()
    assert len(list((masque_home / "data" / "work" / job.job_id).glob("frame-*"))) >= 10
    start_engine()
    async with connected() as client:
        assert not (await client.send(GetStatus())).queue.paused  # a clean end is no crash
        assert (await finished(client, job.job_id)).state is JobState.DONE


async def test_a_worker_that_does_not_start_pauses_the_queue_and_says_so(
    start_engine, connected, make_request
):
    start_engine(TINY_WORKER=f"{sys.executable} -c pass", TINY_LIMITS="start_s=60")
    async with connected() as client:
        await client.send(PauseQueue())
        job = await client.send(SubmitJob(request=make_request()))
        await client.send(ResumeQueue())
        async with asyncio.timeout(PATIENCE_S):
            while "does not start" not in (await client.send(GetStatus())).notice:
                await asyncio.sleep(0.01)
        waiting = await client.send(GetJob(job_id=job.job_id))
        assert waiting.state is JobState.QUEUED
        assert waiting.attempts == 0


async def test_a_full_disk_fails_the_job_and_not_the_queue(shared_engine, connected, make_request, finished):
    async with connected() as client:
        await finished(client, (await client.send(SubmitJob(request=make_request()))).job_id)
        worker = await worker_of(client)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        filling = await client.send(SubmitJob(request=make_request("filling")))
        fine = await client.send(SubmitJob(request=make_request()))
        failed = await finished(client, filling.job_id)
        assert (await finished(client, fine.job_id)).state is JobState.DONE
        assert await worker_of(client) == worker
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert failed.state is JobState.FAILED
    assert failed.error.code is ErrorCode.DISK_FULL
    assert str(shared_engine.home / "data" / "work" / filling.job_id) in failed.error.message


async def test_an_idle_worker_ends_and_so_does_an_unused_engine(
    start_engine, connected, make_request, finished, masque_home
):
    engine = start_engine(TINY_LIMITS="idle_s=0.2", TINY_IDLE_EXIT_S="0.6")
    async with connected() as client:
        await finished(client, (await client.send(SubmitJob(request=make_request()))).job_id)
        async with asyncio.timeout(PATIENCE_S):
            while (await client.send(GetStatus())).worker_process_id is not None:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.8)
        assert (await client.send(GetStatus())).clients == 1  # somebody is here: the engine stays
    assert engine.process.wait(PATIENCE_S) == 0


async def test_an_engine_with_work_stays_without_clients(start_engine, connected, make_request, masque_home):
    engine = start_engine(TINY_IDLE_EXIT_S="0.3")
    request = make_request("slow", frame_count=30)
    async with connected() as client:
        await client.send(SubmitJob(request=request))
    assert engine.process.wait(PATIENCE_S) == 0
    assert json.loads((request.output_directory / "take.json").read_text())["frame_count"] == 30
