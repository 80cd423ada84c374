"""A queue whose file is damaged is kept aside; the engine starts and says so."""

import sqlite3

from engine.protocol.jobs import JobState
from engine.protocol.messages import ClearFinished, GetStatus, ListJobs, PauseQueue, SubmitJob
from engine.renderers.work_directory import note_outputs


async def test_a_damaged_queue_is_kept_aside_and_said(
    start_engine, connected, make_request, masque_home, finished
):
    data = masque_home / "data"
    first = start_engine()
    async with connected() as client:
        await client.send(PauseQueue())
        await client.send(SubmitJob(request=make_request()))
    first.end()
    queue = data / "queue.sqlite3"
    queue.write_bytes(b"this is no database" * 500)
    start_engine()
    async with connected() as client:
        status = await client.send(GetStatus())
        assert "damaged" in status.notice
        assert (await client.send(ListJobs())).jobs == ()
        job = await client.send(SubmitJob(request=make_request()))
        assert (await finished(client, job.job_id)).state is JobState.DONE
    [aside] = data.glob("queue.sqlite3.damaged-*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert str(aside) in status.notice
    assert "damaged" in (masque_home / "log" / "engine.log").read_text()


async def test_what_jobs_of_a_damaged_queue_have_rendered_is_kept(
    start_engine, connected, make_request, masque_home, reached
):
    first = start_engine()
    request = make_request("slow", frame_count=100)
    async with connected() as client:
        job = await client.send(SubmitJob(request=request))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 5)
        await client.send(PauseQueue(now=True))
    first.end()
    work = masque_home / "data" / "work" / job.job_id
    begun = request.output_directory / "shot.mkv"
    begun.parent.mkdir(parents=True)
    begun.touch()
    note_outputs(work, [begun])
    (masque_home / "data" / "queue.sqlite3").write_bytes(b"this is no database" * 500)
    start_engine()
    assert len(list(work.glob("frame-*"))) >= 5
    assert begun.exists()


async def test_the_take_of_a_cleared_job_outlives_the_next_start(
    start_engine, connected, make_request, masque_home, finished
):
    first = start_engine()
    async with connected() as client:
        job = await client.send(SubmitJob(request=make_request()))
        done = await finished(client, job.job_id)
        await client.send(ClearFinished())
    first.end()
    work = masque_home / "data" / "work" / job.job_id
    work.mkdir()  # as after a kill before the work was deleted, or where another program held a file of it
    movie = done.output_directory / "shot.txt"
    note_outputs(work, [movie])
    start_engine()
    assert movie.exists()
    assert not work.exists()


async def test_a_job_that_cannot_be_read_stays_in_the_file(
    start_engine, connected, make_request, masque_home
):
    first = start_engine()
    async with connected() as client:
        await client.send(PauseQueue())
        for _ in range(2):
            await client.send(SubmitJob(request=make_request()))
    first.end()
    with sqlite3.connect(masque_home / "data" / "queue.sqlite3") as database:
        database.execute("UPDATE jobs SET request = '{}' WHERE position = 0")
    database.close()
    second = start_engine()
    async with connected() as client:
        assert len((await client.send(ListJobs())).jobs) == 1
        assert "could not be read" in (await client.send(GetStatus())).notice
    second.end()
    with sqlite3.connect(masque_home / "data" / "queue.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM jobs").fetchone() == (2,)
    database.close()
