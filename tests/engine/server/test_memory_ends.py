"""Jobs that run out of memory, or whose device is gone, go on in a fresh process or fail in a sentence."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import JobState
from engine.protocol.messages import CancelJob, GetJob, GetStatus, JobChanged, SubmitJob
from tests.patience import PATIENCE_S

CLINGING = Path(__file__).with_name("clinging_worker.py")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by POSIX signals")


async def test_a_job_goes_on_in_a_fresh_process_with_less_after_memory_ran_out(
    shared_engine, connected, make_request, finished
):
    async with connected() as client:
        phases = []
        job = await client.send(SubmitJob(request=make_request("hungry")))

        async def listen():
            async for event in client.events():
                if isinstance(event, JobChanged) and event.job.job_id == job.job_id:
                    phases.append(event.job.progress.phase)

        listening = asyncio.create_task(listen())
        done = await finished(client, job.job_id)
        listening.cancel()
    assert (done.state, done.attempts) == (JobState.DONE, 0)
    assert "Memory ran out; the render goes on with less (1)." in phases
    log = (shared_engine.home / "log" / "worker.log").read_text()
    assert f"[{job.job_id}]" in log
    assert "MemoryRanOutError" in log


async def test_a_job_that_needs_too_much_fails_when_its_ladder_has_ended(
    shared_engine, connected, make_request, finished
):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("insatiable")))
        fine = await client.send(SubmitJob(request=make_request()))
        assert (await finished(client, fine.job_id)).state is JobState.DONE
        failed = await client.send(GetJob(job_id=job.job_id))
    assert (failed.state, failed.error.code) == (JobState.FAILED, ErrorCode.OUT_OF_MEMORY)
    assert failed.error.sentence() == "“insatiable” does not fit the memory. Choose a smaller size."
    rung = shared_engine.home / "data" / "work" / job.job_id / "rung"
    assert rung.read_text() == "3"


@pytest.mark.parametrize("words", ["greedy", "hungry", "flickering", "fine"])
async def test_the_next_job_does_not_inherit_a_process_without_memory_or_device(
    start_engine, connected, make_request, finished, words
):
    start_engine()
    async with connected() as client:
        await finished(client, (await client.send(SubmitJob(request=make_request()))).job_id)
        before = (await client.send(GetStatus())).worker_process_id
        await finished(client, (await client.send(SubmitJob(request=make_request(words)))).job_id)
        await finished(client, (await client.send(SubmitJob(request=make_request()))).job_id)
        after = (await client.send(GetStatus())).worker_process_id
    assert (after == before) is (words == "fine")
    assert psutil.pid_exists(before) is (words == "fine")


async def test_a_worker_that_does_not_end_after_memory_ran_out_is_ended(
    start_engine, connected, make_request, reached
):
    start_engine(TINY_WORKER=f"{sys.executable} {CLINGING}", TINY_LIMITS="end_s=0.1")
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request()))
        seen = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < 3:
                number = (await client.send(GetStatus())).worker_process_id
                seen |= set() if number is None else {number}
                await asyncio.sleep(0.01)
        assert (await client.send(GetJob(job_id=job.job_id))).attempts == 0
        await client.send(CancelJob(job_id=job.job_id))
        assert sum(psutil.pid_exists(number) for number in seen) <= 1


async def test_the_renderer_hears_that_the_system_ended_it_for_want_of_memory(
    start_engine, connected, make_request, finished, tmp_path
):
    counts = tmp_path / "vmstat"
    counts.write_text("oom_kill 3\n")
    start_engine(TINY_VMSTAT=counts)
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("oversized")))
        done = await finished(client, job.job_id)
    assert (done.state, done.attempts) == (JobState.DONE, 0)
    assert counts.read_text() == "oom_kill 5\n"


async def test_a_worker_that_cannot_even_say_that_memory_ran_out_is_understood(
    start_engine, connected, make_request, finished, masque_home
):
    start_engine()
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("hungry breathless", frame_count=3)))
        done = await finished(client, job.job_id)
    assert (done.state, done.attempts) == (JobState.DONE, 0)
    assert "it had no memory left" in (masque_home / "log" / "engine.log").read_text()


async def test_a_device_that_is_lost_once_costs_an_attempt_and_one_that_stays_lost_is_named(
    shared_engine, connected, make_request, finished
):
    async with connected() as client:
        once = await client.send(SubmitJob(request=make_request("flickering")))
        always = await client.send(SubmitJob(request=make_request("deviceless")))
        fine = await client.send(SubmitJob(request=make_request()))
        assert (await finished(client, fine.job_id)).state is JobState.DONE
        assert (await client.send(GetJob(job_id=once.job_id))).state is JobState.DONE
        failed = await client.send(GetJob(job_id=always.job_id))
    assert (failed.state, failed.error.code) == (JobState.FAILED, ErrorCode.WORKER_LOST)
    assert failed.attempts == failed.attempt_limit
    assert "Card 7 stopped computing" in failed.error.message
    assert "driver" in failed.error.next_step


async def test_crashes_after_a_new_step_are_not_counted_but_those_at_the_same_step_are(
    shared_engine, connected, make_request, finished
):
    async with connected() as client:
        advancing = await client.send(SubmitJob(request=make_request("advancing")))
        stalling = await client.send(SubmitJob(request=make_request("stalling")))
        failed = await finished(client, stalling.job_id)
        assert (await client.send(GetJob(job_id=advancing.job_id))).state is JobState.DONE
    assert (failed.state, failed.error.code) == (JobState.FAILED, ErrorCode.WORKER_LOST)
    assert failed.attempts == failed.attempt_limit
