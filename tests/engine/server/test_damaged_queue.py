"""A queue whose file is damaged is kept aside; the engine starts and says so."""

import sqlite3

from engine.protocol.jobs import JobState
from engine.protocol.messages import GetStatus, ListJobs, PauseQueue, SubmitJob


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
