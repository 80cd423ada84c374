"""The queue in memory and on disk together."""

from fractions import Fraction

import pytest

from engine.jobs import job_queue
from engine.jobs.job_queue import JobQueue
from engine.jobs.job_store import JobStore
from engine.jobs.lost_attempts import Loss
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import JobProgress, JobState, RenderResult

RESULT = {
    "take_id": "take",
    "renderer": "draft",
    "seed": 1,
    "frame_rate": Fraction(24),
    "frame_count": 5,
    "width": 64,
    "height": 64,
    "has_alpha": False,
    "files": (),
}


@pytest.fixture
def opened(tmp_path):
    """Open the queue's database, again and again; each time the former one is closed."""
    stores = []

    def call(on_event=lambda _event: None, **what_is_known):
        for store in stores:
            store.close()
        stores.append(JobStore(tmp_path / "queue.sqlite3"))
        return JobQueue(stores[-1], on_event, **what_is_known)

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


def test_cleared_jobs_are_among_those_that_are_done_when_asked_for(opened, make_request):
    queue = opened()
    request = make_request()
    job = queue.start(queue.submit(request, 0).job_id)
    queue.finished(job.job_id, RenderResult(**RESULT, request_id=request.request_id))
    queue.clear_finished()
    for known in (queue, opened()):
        assert known.job_ids(JobState.DONE) == frozenset()
        assert known.job_ids(JobState.DONE, with_cleared=True) == {job.job_id}


def test_a_queue_that_followed_a_damaged_one_is_not_complete_and_says_so(opened):
    assert opened().complete
    queue = opened(notice="The queue was damaged.")
    assert not queue.complete
    assert queue.notice == "The queue was damaged."


def test_why_the_engine_paused_the_queue_is_said_until_it_is_resumed(opened, make_request):
    queue = opened()
    queue.stop_starting("The queue is paused: nothing starts.")
    for known in (queue, opened()):
        assert known.notice == "The queue is paused: nothing starts."
        assert known.complete
    known.pause_queue(with_running=False)
    assert known.notice
    known.resume_queue()
    assert known.notice == ""
    assert opened().notice == ""


def test_engine_crashes_while_a_take_is_finished_do_not_fail_it_as_long_as_files_come(
    opened, make_request, caplog
):
    queue = opened()
    job = queue.submit(make_request(), 0)
    queue.start(job.job_id)
    queue.progressed(job.job_id, JobProgress(frames_done=5, frame_count=5))
    for files in range(6):
        queue = opened(finished_outputs=lambda _job_id, files=files: files)
        assert (queue.view(job.job_id).state, queue.view(job.job_id).attempts) == (JobState.QUEUED, 0)
        queue.start(job.job_id)
    for attempts in (1, 2, 3):
        queue = opened(finished_outputs=lambda _job_id: 5)
        assert queue.view(job.job_id).attempts == attempts
        if attempts < 3:
            queue.start(job.job_id)
    assert queue.view(job.job_id).state is JobState.FAILED
    assert "the engine died" in caplog.text


def test_that_memory_ran_out_is_in_the_job_until_the_next_attempt_tells_of_itself(opened, make_request):
    heard = []
    queue = opened(heard.append)
    job = queue.submit(make_request(), 0)
    queue.start(job.job_id)
    queue.progressed(job.job_id, JobProgress(phase="Step 2", frame_count=5, share=0.3))
    told = "Memory ran out while denoising; the render goes on with fewer blocks on the card."
    queue.lost(job.job_id, told, Loss.MEMORY)
    assert heard[-1].job.progress == JobProgress(phase=told, frame_count=5, share=0.3)
    assert heard[-1].job.state is JobState.QUEUED
    queue.start(job.job_id)
    assert queue.view(job.job_id).progress.phase == told
    queue.progressed(job.job_id, JobProgress(phase="Preparing", frame_count=5))
    assert queue.view(job.job_id).progress.phase == "Preparing"
    queue.lost(job.job_id, told, Loss.MEMORY)
    assert queue.cancel(job.job_id).progress.phase == ""


def test_the_next_attempt_hears_of_a_system_without_memory_also_after_a_restart(opened, make_request, caplog):
    queue = opened()
    job_id = queue.submit(make_request(), 0).job_id
    queue.start(job_id)
    queue.lost(job_id, "the system ended it", Loss.MEMORY_KILL)
    assert "for want of memory" in queue.view(job_id).progress.phase
    assert opened().start(job_id).memory_ran_out
    queue = opened()  # as after a power cut before the attempt had begun
    assert queue.start(job_id).memory_ran_out
    queue.progressed(job_id, JobProgress(phase="Rendering", frames_done=1, frame_count=5))
    assert not opened().record(job_id).memory_ran_out
    assert caplog.text.count("the engine died") == 2  # at both restarts with a running job


def test_memory_that_runs_out_while_a_job_is_paused_leaves_it_paused(opened, make_request):
    queue = opened()
    job_id = queue.submit(make_request(), 0).job_id
    queue.start(job_id)
    queue.pause(job_id)
    queue.lost(job_id, "Memory ran out.", Loss.MEMORY)
    assert (queue.view(job_id).state, queue.view(job_id).progress.phase) == (JobState.PAUSED, "")


def test_a_cancelled_job_has_reached_nothing(opened, make_request):
    queue = opened()
    job_id = queue.submit(make_request(), 0).job_id
    queue.start(job_id)
    queue.progressed(job_id, JobProgress(frames_done=2, frame_count=5, share=0.6))
    queue.cancel(job_id)
    queue.progressed(job_id, JobProgress(frames_done=3, frame_count=5, share=0.7))  # was under way
    queue.given_back(job_id)
    assert queue.view(job_id).progress.done == 0
