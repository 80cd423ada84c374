"""What may happen to a job, without storage or processes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.jobs import policy
from engine.jobs.records import KILL_LIMIT, JobRecord, QueueSettings
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import AfterCrash, JobState


@pytest.fixture
def job(make_request):
    return JobRecord(
        job_id="one", request=make_request(), state=JobState.QUEUED, priority=0, position=0, created_at=0.0
    )


def queue_of(job, *priorities):
    return [
        replace(job, job_id=f"job {n}", position=n, priority=priority)
        for n, priority in enumerate(priorities)
    ]


def names(jobs):
    return [job.job_id for job in policy.in_order(jobs)]


def test_the_next_job_has_the_highest_priority_then_the_lowest_place(job):
    jobs = queue_of(job, 0, 5, 5)
    assert policy.next_to_run(jobs, QueueSettings()).job_id == "job 1"
    assert policy.next_to_run(jobs, QueueSettings(paused=True)) is None
    assert policy.next_to_run([policy.paused(job)], QueueSettings()) is None


def test_attempts_without_a_new_frame_are_counted_up_to_the_limit(job):
    for count in (1, 2):
        job = policy.attempt_lost(policy.started(job, 1.0), "it crashed", 2.0)
        assert (job.state, job.attempts) == (JobState.QUEUED, count)
    job = policy.attempt_lost(policy.started(job, 1.0), "it crashed", 2.0)
    assert job.state is JobState.FAILED
    assert job.error.code is ErrorCode.WORKER_LOST
    assert "it crashed" in job.error.message


def test_a_new_frame_sets_the_count_back_but_an_old_one_does_not(job):
    job = replace(policy.started(job, 1.0), attempts=2)
    progressed = policy.attempt_lost(replace(job, frames_reached=3), "it crashed", 2.0)
    assert (progressed.state, progressed.attempts) == (JobState.QUEUED, 0)
    again = policy.started(progressed, 3.0)
    assert policy.attempt_lost(again, "it crashed", 4.0).attempts == 1


def test_a_finished_file_of_the_take_counts_as_progress_once(job):
    rendered = replace(policy.started(job, 1.0), frames_reached=job.request.frame_count)
    lost = policy.attempt_lost(rendered, "it crashed", 2.0)
    for files in (1, 2):
        lost = replace(policy.started(lost, 3.0), attempts=2)
        lost = policy.attempt_lost(policy.with_outputs(lost, files), "it crashed", 4.0)
        assert (lost.state, lost.attempts) == (JobState.QUEUED, 0)
        assert lost.view().progress.frames_done == job.request.frame_count
    again = policy.attempt_lost(policy.with_outputs(policy.started(lost, 5.0), 2), "it crashed", 6.0)
    assert again.attempts == 1
    assert policy.with_outputs(job, 0) == job


@pytest.mark.parametrize("choice", [AfterCrash.PAUSED, AfterCrash.ASK])
def test_a_pause_after_a_crash_says_why(job, choice):
    settings = QueueSettings(after_crash=choice)
    _, paused = policy.after_engine_crash([policy.started(job, 1.0)], settings, 2.0)
    assert paused.paused
    assert job.request.scene_name in paused.pause_reason
    assert "Resume" in paused.pause_reason


def test_kills_from_outside_have_a_limit_of_their_own(job):
    for count in range(1, KILL_LIMIT):
        job = policy.attempt_lost(policy.started(job, 1.0), "somebody killed it", 2.0, from_outside=True)
        assert (job.state, job.attempts, job.kills) == (JobState.QUEUED, 0, count)
    assert policy.attempt_lost(replace(job, frames_reached=1), "x", 2.0, from_outside=True).kills == 0
    job = policy.attempt_lost(policy.started(job, 1.0), "somebody killed it", 2.0, from_outside=True)
    assert job.state is JobState.FAILED
    assert f"{KILL_LIMIT} times" in job.error.message


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_a_job_that_always_crashes_cannot_run_for_ever(make_request_once, progress):
    """However new frames and crashes alternate, a job fails or is through after 3 attempts for each frame."""
    job = JobRecord(
        job_id="one", request=make_request_once, state=JobState.QUEUED, priority=0, position=0, created_at=0.0
    )
    frame_count, attempts = 5, 0
    while job.state is JobState.QUEUED and job.frames_reached < frame_count:
        job = policy.started(job, 1.0)
        job = replace(job, frames_reached=job.frames_reached + progress[attempts % len(progress)])
        job = policy.attempt_lost(job, "it crashed", 2.0)
        attempts += 1
    assert attempts <= 3 * (frame_count + 1)


def test_after_a_crash_the_policy_says_whether_the_queue_goes_on(job):
    jobs = [policy.started(job, 1.0), *queue_of(job, 0)]
    for choice, paused, asks in (
        (AfterCrash.RUN, False, False),
        (AfterCrash.PAUSED, True, False),
        (AfterCrash.ASK, True, True),
    ):
        changed, settings = policy.after_engine_crash(jobs, QueueSettings(after_crash=choice), 2.0)
        assert [(job.state, job.attempts) for job in changed] == [(JobState.QUEUED, 1)]
        assert (settings.paused, settings.needs_answer) == (paused, asks)
        unchanged = policy.after_engine_crash(jobs[1:], QueueSettings(after_crash=choice), 2.0)
        assert unchanged == ([], QueueSettings(after_crash=choice))


def test_a_job_moves_to_the_place_it_is_put(job):
    jobs = queue_of(job, 0, 0, 0, 0)
    for index, order in (
        (0, ["job 2", "job 0", "job 1", "job 3"]),
        (2, ["job 0", "job 1", "job 2", "job 3"]),
        (99, ["job 0", "job 1", "job 3", "job 2"]),
        (-5, ["job 2", "job 0", "job 1", "job 3"]),
    ):
        changed = {record.job_id: record for record in policy.moved(jobs, jobs[2], index)}
        assert names([changed.get(record.job_id, record) for record in jobs]) == order


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8), st.data())
def test_a_job_gets_its_place_whatever_the_priorities(make_request_once, priorities, data):
    job = JobRecord(
        job_id="one", request=make_request_once, state=JobState.QUEUED, priority=0, position=0, created_at=0.0
    )
    jobs = queue_of(job, *priorities)
    moving = data.draw(st.sampled_from(jobs))
    index = data.draw(st.integers(0, len(jobs) - 1))
    changed = {record.job_id: record for record in policy.moved(jobs, moving, index)}
    after = [changed.get(record.job_id, record) for record in jobs]
    assert names(after).index(moving.job_id) == index
    assert [name for name in names(after) if name != moving.job_id] == [
        name for name in names(jobs) if name != moving.job_id
    ]
    assert len({record.position for record in after}) == len(jobs)


@pytest.fixture(scope="module")
def make_request_once():
    from fractions import Fraction
    from pathlib import Path

    from engine.protocol.render_request import PlateInput, RendererName, RenderRequest

    return RenderRequest(
        request_id="r",
        project_id="p",
        project_path=Path("/film.masque"),
        scene_id="s",
        scene_name="scene",
        take_id="t",
        take_number=1,
        renderer=RendererName.DRAFT,
        plate=PlateInput(path=Path("/p.png"), content_hash="h", width=2, height=2),
        characters=(),
        frame_rate=Fraction(24),
        frame_count=1,
        width=2,
        height=2,
        seed=0,
        output_directory=Path("/out"),
        file_stem="shot",
    )


def test_finished_jobs_cannot_be_held_and_unfinished_ones_not_retried(job):
    done = replace(job, state=JobState.DONE)
    for change in (policy.paused, policy.resumed, lambda job: policy.cancelled(job, 1.0)):
        with pytest.raises(UserError) as caught:
            change(done)
        assert caught.value.report.code is ErrorCode.WRONG_STATE
    for state in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.DONE):
        with pytest.raises(UserError):
            policy.retried(replace(job, state=state), 5)


def test_a_result_counts_even_after_a_late_cancel(job, make_request):
    from engine.protocol.jobs import RenderResult

    request = job.request
    result = RenderResult(
        request_id=request.request_id,
        take_id="t",
        renderer="draft",
        seed=1,
        frame_rate=request.frame_rate,
        frame_count=5,
        width=64,
        height=64,
        has_alpha=False,
        files=(),
    )
    done = policy.finished(policy.cancelled(policy.started(job, 1.0), 2.0), result, 3.0)
    assert (done.state, done.result, done.frames_reached) == (JobState.DONE, result, 5)
