"""The queue in memory and on disk together."""

import pytest

from engine.jobs import job_queue
from engine.jobs.job_queue import JobQueue
from engine.jobs.job_store import JobStore
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import JobState


@pytest.fixture
def opened(tmp_path):
    """Open the queue's database, again and again; each time the former one is closed."""
    stores = []

    def call():
        for store in stores:
            store.close()
        stores.append(JobStore(tmp_path / "queue.sqlite3"))
        return JobQueue(stores[-1], lambda _event: None)

    yield call
    stores[-1].close()


def test_a_cleared_job_is_out_of_the_queue_but_its_project_still_learns_how_it_ended(opened, make_request):
    queue = opened()
    request = make_request()
    job = queue.submit(request, 0)
    queue.cancel(job.job_id)
    assert [gone.job_id for gone in queue.clear_finished()] == [job.job_id]
    for known in (queue, opened()):
        assert known.views() == ()
        assert known.status().counts[JobState.CANCELLED] == 0
        told = known.views(request.project_id, with_cleared=True)
        assert [(one.job_id, one.state, one.cleared) for one in told] == [
            (job.job_id, JobState.CANCELLED, True)
        ]
        with pytest.raises(UserError) as caught:
            known.retry(job.job_id)
        assert caught.value.report.code is ErrorCode.NOT_FOUND
        assert known.submit(request, 0).job_id == job.job_id


def test_jobs_cleared_long_ago_are_forgotten_on_start(opened, make_request, monkeypatch):
    queue = opened()
    request = make_request()
    queue.cancel(queue.submit(request, 0).job_id)
    queue.clear_finished()
    monkeypatch.setattr(job_queue, "_CLEARED_KEPT_S", -1.0)
    later = opened()
    assert later.views(with_cleared=True) == ()
    assert later.submit(request, 0).state is JobState.QUEUED
