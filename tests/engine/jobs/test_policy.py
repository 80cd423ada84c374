"""What may happen to a job, without storage or processes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.jobs import policy
from engine.jobs.records import JobRecord, QueueSettings
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import JobState


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
