"""The queue on disk: what is saved comes back, damage is noticed, a full disk is a sentence."""

import sqlite3
from dataclasses import replace

import pytest

from engine.jobs.job_store import DamagedQueueError, JobStore
from engine.jobs.records import JobRecord, QueueSettings
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import AfterCrash, JobState


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue.sqlite3"


@pytest.fixture
def job(make_request):
    error = ErrorReport(code=ErrorCode.NO_FACE, message="No face.", next_step="Draw it.")
    return JobRecord(
        job_id="one",
        request=make_request(),
        state=JobState.PAUSED,
        priority=3,
        position=7,
        created_at=1.5,
        attempts=2,
        kills=4,
        frames_reached=40,
        frames_before=30,
        share_reached=0.4,
        share_before=0.3,
        memory_ends=5,
        memory_ran_out=True,
        held_by_queue=True,
        started_at=2.5,
        error=error,
    )


def reopened(path):
    store = JobStore(path)
    try:
        return store.load()
    finally:
        store.close()


def alter(path, *statements):
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def tables(path):
    with sqlite3.connect(path) as database:
        found = [row[0] for row in database.execute("SELECT sql FROM sqlite_master WHERE type = 'table'")]
    database.close()
    return found


def test_what_is_saved_comes_back(path, job):
    store = JobStore(path)
    settings = QueueSettings(paused=True, needs_answer=True, after_crash=AfterCrash.ASK)
    store.save([job], settings)
    store.close()
    assert reopened(path) == ([job], settings, 0)


def test_a_change_takes_the_place_of_what_was(path, job):
    store = JobStore(path)
    store.save([job])
    changed = replace(job, state=JobState.QUEUED, error=None, attempts=0)
    store.save([changed])
    store.close()
    assert reopened(path)[0] == [changed]


def test_removed_jobs_are_gone(path, job):
    store = JobStore(path)
    store.save([job])
    store.remove([job.job_id, "another"])
    store.close()
    assert reopened(path)[0] == []


def test_writes_are_synchronous_and_survive_without_a_close(path, job):
    store = JobStore(path)
    store.save([job])
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as other:
        assert other.execute("SELECT job_id FROM jobs").fetchall() == [("one",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    store.close()


@pytest.mark.parametrize("size", [10, 100, 4096, 20_000])
def test_rubbish_is_kept_aside_and_a_fresh_queue_started(path, size):
    path.write_bytes(b"rubbish! " * (size // 9 + 1))
    with pytest.raises(DamagedQueueError):
        JobStore(path)
    store, notice = JobStore.open_or_replace(path)
    assert "damaged" in notice
    assert store.load() == ([], QueueSettings(), 0)
    store.close()
    [aside] = path.parent.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"rubbish")


def test_a_torn_queue_is_kept_aside(path, job, make_request):
    store = JobStore(path)
    store.save([replace(job, job_id=str(n), request=make_request("name " * 300)) for n in range(50)])
    store.close()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    store, notice = JobStore.open_or_replace(path)
    store.close()
    assert notice


def test_two_damaged_queues_are_both_kept(path):
    for _ in range(2):
        path.write_bytes(b"rubbish" * 1000)
        store, _ = JobStore.open_or_replace(path)
        store.close()
    assert len(list(path.parent.glob("queue.sqlite3.damaged-*"))) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE jobs (name TEXT)",
        "CREATE TABLE queue (id INTEGER PRIMARY KEY, schema_version INTEGER)",
        "CREATE TABLE queue (version INTEGER)",
    ],
)
def test_a_sound_database_of_something_else_is_refused_and_left_alone(path, statement):
    alter(path, statement)
    with pytest.raises(UserError) as caught:
        JobStore.open_or_replace(path)
    assert caught.value.report.code is ErrorCode.VERSION_MISMATCH
    assert str(path) in caught.value.report.message
    assert tables(path) == [statement]


def test_an_older_queue_is_opened_and_gets_what_it_lacks(path, job):
    store = JobStore(path)
    store.save([job])
    store.close()
    alter(path, "ALTER TABLE jobs DROP COLUMN cleared_at", "ALTER TABLE queue DROP COLUMN pause_reason")
    store, notice = JobStore.open_or_replace(path)
    assert notice == ""
    cleared, settings = replace(job, cleared_at=9.5), QueueSettings(paused=True, pause_reason="Why.")
    assert store.load() == ([job], QueueSettings(), 0)
    store.save([cleared], settings)
    store.close()
    assert reopened(path) == ([cleared], settings, 0)


def test_a_queue_from_before_memory_could_run_out_is_opened(path, job):
    store = JobStore(path)
    store.save([job])
    store.close()
    new = ("share_reached", "share_before", "memory_ends", "memory_ran_out")
    alter(path, *(f"ALTER TABLE jobs DROP COLUMN {name}" for name in new))
    store, notice = JobStore.open_or_replace(path)
    assert notice == ""
    none_yet = replace(job, share_reached=0.0, share_before=0.0, memory_ends=0, memory_ran_out=False)
    assert store.load() == ([none_yet], QueueSettings(), 0)
    store.save([job])
    store.close()
    assert reopened(path)[0] == [job]


def test_a_newer_queue_of_another_shape_is_refused_and_left_alone(path, job):
    store = JobStore(path)
    store.save([job])
    store.close()
    alter(
        path,
        "UPDATE queue SET schema_version = 2",
        "DROP TABLE jobs",
        "ALTER TABLE queue DROP COLUMN after_crash",
    )
    before = tables(path)
    with pytest.raises(UserError) as caught:
        JobStore.open_or_replace(path)
    assert caught.value.report.code is ErrorCode.VERSION_MISMATCH
    assert "newer" in caught.value.report.message
    assert tables(path) == before
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_newer_queue_is_refused_and_left_alone(path, job):
    store = JobStore(path)
    store.save([job])
    store.close()
    with sqlite3.connect(path) as newer:
        newer.execute("UPDATE queue SET schema_version = 99")
    newer.close()
    with pytest.raises(UserError) as caught:
        JobStore.open_or_replace(path)
    assert caught.value.report.code is ErrorCode.VERSION_MISMATCH
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_queue_that_cannot_be_opened_is_told(path):
    path.mkdir()
    with pytest.raises(UserError) as caught:
        JobStore(path)
    assert caught.value.report.code is ErrorCode.NOT_WRITABLE
    assert str(path) in caught.value.report.message


def test_a_full_disk_is_a_sentence_and_the_queue_stays_whole(path, job, make_request):
    store = JobStore(path)
    store.save([job])
    with store._connection_source.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError) as caught:
        store.save([replace(job, job_id="large", request=make_request("x" * 100_000))])
    assert caught.value.report.code is ErrorCode.DISK_FULL
    assert store.load()[0] == [job]
    store.close()
