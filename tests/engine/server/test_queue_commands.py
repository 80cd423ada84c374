"""What clients do with jobs and the queue, in a real engine with a tiny renderer."""

import asyncio

import pytest

from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import FINISHED_STATES, JobState
from engine.protocol.messages import (
    CancelJob,
    ClearFinished,
    GetJob,
    GetStatus,
    JobChanged,
    JobRemoved,
    ListJobs,
    MoveJob,
    PauseJob,
    PauseQueue,
    PreviewPicture,
    QueueChanged,
    ResumeJob,
    ResumeQueue,
    RetryJob,
    SetPriority,
    SubmitJob,
)
from tests.patience import PATIENCE_S


async def test_a_job_runs_and_its_result_can_be_asked_for(shared_engine, connected, make_request, finished):
    request = make_request()
    async with connected() as client:
        job = await client.send(SubmitJob(request=request))
        assert job.state in {JobState.QUEUED, JobState.RUNNING}
        done = await finished(client, job.job_id)
    assert done.state is JobState.DONE
    assert done.error is None
    assert done.result.request_id == request.request_id
    assert done.progress.frames_done == 5
    assert (request.output_directory / "shot.txt").read_text().splitlines()[-1] == "picture 4"


async def test_the_same_request_is_queued_once(shared_engine, connected, make_request):
    async with connected() as client:
        await client.send(PauseQueue())
        request = make_request()
        first = await client.send(SubmitJob(request=request))
        again = await client.send(SubmitJob(request=request, priority=5))
        assert again == first
        assert len((await client.send(ListJobs())).jobs) == 1


async def test_events_tell_the_way_of_a_job_with_pictures(shared_engine, connected, make_request):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("slow", frame_count=60)))
        states, pictures, counts = [], [], []
        async with asyncio.timeout(PATIENCE_S):
            async for event in client.events():
                if isinstance(event, PreviewPicture):
                    pictures.append(event)
                elif isinstance(event, JobChanged):
                    states.append(event.job.state)
                    counts.append(event.job.progress.frames_done)
                    if event.job.state in FINISHED_STATES:
                        break
    assert list(dict.fromkeys(states))[-2:] == [JobState.RUNNING, JobState.DONE]
    assert counts == sorted(counts)
    assert counts[-1] == 60
    assert pictures
    assert all(picture.job_id == job.job_id and picture.jpeg for picture in pictures)


async def test_two_clients_see_the_same_queue(shared_engine, connected, make_request):
    async with connected() as one, connected() as other:
        assert (await one.send(GetStatus())).clients == 2
        await one.send(PauseQueue())
        job = await one.send(SubmitJob(request=make_request()))
        assert (await other.send(GetJob(job_id=job.job_id))) == job
        seen = []
        async with asyncio.timeout(PATIENCE_S):
            async for event in other.events():
                seen.append(type(event))
                if isinstance(event, JobChanged):
                    break
        assert seen == [QueueChanged, JobChanged]


async def test_a_paused_job_keeps_its_frames_and_goes_on(
    shared_engine, connected, make_request, reached, finished
):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("slow", frame_count=100)))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 5)
        paused = await client.send(PauseJob(job_id=job.job_id))
        assert paused.state is JobState.PAUSED
        work = shared_engine.home / "data" / "work" / job.job_id
        kept = len(list(work.glob("frame-*")))
        assert 5 <= kept < 100
        other = await client.send(SubmitJob(request=make_request()))
        assert (await finished(client, other.job_id)).state is JobState.DONE
        assert (await client.send(GetJob(job_id=job.job_id))).state is JobState.PAUSED
        assert len(list(work.glob("frame-*"))) == kept
        await client.send(ResumeJob(job_id=job.job_id))
        done = await finished(client, job.job_id)
    assert done.state is JobState.DONE
    assert done.attempts == 0
    assert not work.exists()


async def test_a_cancelled_job_leaves_nothing_and_can_be_tried_again(
    shared_engine, connected, make_request, reached, finished
):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request("slow", frame_count=60)))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 5)
        cancelled = await client.send(CancelJob(job_id=job.job_id))
        assert cancelled.state is JobState.CANCELLED
        assert not (shared_engine.home / "data" / "work" / job.job_id).exists()
        again = await client.send(RetryJob(job_id=job.job_id))
        assert again.state in {JobState.QUEUED, JobState.RUNNING}
        done = await finished(client, job.job_id)
    assert done.state is JobState.DONE
    assert done.result.frame_count == 60


async def test_pausing_the_queue_lets_the_running_job_finish(
    shared_engine, connected, make_request, reached, finished
):
    async with connected() as client:
        running = await client.send(SubmitJob(request=make_request("slow", frame_count=30)))
        waiting = await client.send(SubmitJob(request=make_request()))
        await reached(client, running.job_id, lambda job: job.state is JobState.RUNNING)
        assert (await client.send(PauseQueue())).paused
        assert (await finished(client, running.job_id)).state is JobState.DONE
        assert (await client.send(GetJob(job_id=waiting.job_id))).state is JobState.QUEUED
        assert not (await client.send(ResumeQueue())).paused
        assert (await finished(client, waiting.job_id)).state is JobState.DONE


async def test_a_job_paused_with_the_queue_goes_on_with_it(
    shared_engine, connected, make_request, reached, finished
):
    async with connected() as client:
        running = await client.send(SubmitJob(request=make_request("slow", frame_count=50)))
        held = await client.send(SubmitJob(request=make_request()))
        await client.send(PauseJob(job_id=held.job_id))
        await reached(client, running.job_id, lambda job: job.progress.frames_done >= 3)
        status = await client.send(PauseQueue(now=True))
        assert status.counts[JobState.PAUSED] == 2
        status = await client.send(ResumeQueue())
        assert status.counts[JobState.PAUSED] == 1
        assert (await finished(client, running.job_id)).state is JobState.DONE
        assert (await client.send(GetJob(job_id=held.job_id))).state is JobState.PAUSED


async def test_jobs_run_by_priority_then_place(shared_engine, connected, make_request, finished):
    async with connected() as client:
        await client.send(PauseQueue())
        jobs = [await client.send(SubmitJob(request=make_request(f"scene {n}"))) for n in range(4)]
        await client.send(SetPriority(job_id=jobs[2].job_id, priority=10))
        await client.send(MoveJob(job_id=jobs[3].job_id, position=1))
        order = [job.scene_name for job in (await client.send(ListJobs())).jobs]
        assert order == ["scene 2", "scene 3", "scene 0", "scene 1"]
        await client.send(ResumeQueue())
        for job in jobs:
            await finished(client, job.job_id)
        started = {(await client.send(GetJob(job_id=job.job_id))).started_at: job.scene_name for job in jobs}
    assert [started[time] for time in sorted(started)] == order


async def test_finished_jobs_can_be_cleared_and_others_hear_of_it(
    shared_engine, connected, make_request, finished
):
    async with connected() as client:
        done = await client.send(SubmitJob(request=make_request()))
        await finished(client, done.job_id)
        await client.send(PauseQueue())
        waiting = await client.send(SubmitJob(request=make_request()))
        listener = client.events()
        removed = await client.send(ClearFinished())
        assert [job.job_id for job in removed.jobs] == [done.job_id]
        assert [job.job_id for job in (await client.send(ListJobs())).jobs] == [waiting.job_id]
        async with asyncio.timeout(PATIENCE_S):
            async for event in listener:
                if isinstance(event, JobRemoved):
                    break
        assert event.job_id == done.job_id


@pytest.mark.parametrize("command", [PauseJob, ResumeJob, CancelJob, GetJob, RetryJob])
async def test_a_job_that_is_not_there_is_an_error(shared_engine, connected, command):
    async with connected() as client:
        with pytest.raises(UserError) as caught:
            await client.send(command(job_id="nowhere"))
    assert caught.value.report.code is ErrorCode.NOT_FOUND


async def test_what_a_state_does_not_allow_is_an_error(shared_engine, connected, make_request, finished):
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request()))
        await finished(client, job.job_id)
        for command in (PauseJob, ResumeJob, CancelJob, RetryJob):
            with pytest.raises(UserError) as caught:
                await client.send(command(job_id=job.job_id))
            assert caught.value.report.code is ErrorCode.WRONG_STATE


async def test_a_request_that_cannot_be_rendered_is_refused(shared_engine, connected, make_request):
    async with connected() as client:
        for changes in ({"frame_count": 0}, {"width": 63}, {"file_stem": "../shot"}, {"seed": -1}):
            with pytest.raises(UserError) as caught:
                await client.send(SubmitJob(request=make_request(**changes)))
            assert caught.value.report.code is ErrorCode.BAD_INPUT
            assert caught.value.report.next_step
        assert (await client.send(ListJobs())).jobs == ()
