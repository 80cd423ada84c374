"""What becomes of a job after an attempt that ended without an answer, however that came about."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.jobs import policy
from engine.jobs.lost_attempts import Loss, after_engine_crash, attempt_lost, with_outputs
from engine.jobs.records import ATTEMPT_LIMIT, KILL_LIMIT, MEMORY_LIMIT, JobRecord, QueueSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import AfterCrash, JobProgress, JobState
from engine.protocol.render_request import RendererName


def lost(job, loss=Loss.CRASH, *, share=None, frames=0, reason="it crashed"):
    """The job after an attempt that told `share` and was lost."""
    job = policy.started(job, 1.0)
    if share is not None or frames:
        job = policy.progressed(job, JobProgress(frames_done=frames, frame_count=5, share=share))
    return attempt_lost(job, reason, 2.0, loss)


def test_attempts_without_a_new_frame_are_counted_up_to_the_limit(job):
    for count in (1, 2):
        job = lost(job)
        assert (job.state, job.attempts) == (JobState.QUEUED, count)
    job = lost(job)
    assert job.state is JobState.FAILED
    assert job.error.code is ErrorCode.WORKER_LOST
    assert "it crashed" in job.error.message


def test_a_new_frame_sets_the_counts_back_but_an_old_one_does_not(job):
    job = replace(job, attempts=2, kills=5, memory_ends=7)
    progressed = lost(job, frames=3)
    assert (progressed.state, progressed.attempts) == (JobState.QUEUED, 0)
    assert (progressed.kills, progressed.memory_ends) == (0, 0)
    assert lost(progressed, frames=3).attempts == 1


def test_a_new_step_between_two_frames_counts_as_progress_once(job):
    job = lost(replace(job, attempts=2), share=0.25)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    for share, attempts in ((0.25, 1), (0.1, 2), (0.3, 0), (0.3, 1), (0.3, 2)):
        job = lost(job, share=share)
        assert (job.state, job.attempts) == (JobState.QUEUED, attempts)
    assert lost(job, share=0.3).state is JobState.FAILED


def test_a_waiting_job_shows_the_steps_it_has_done(job):
    assert lost(job, share=0.25).view().progress.done == 0.25
    assert job.view().progress == JobProgress(frame_count=5)


def test_a_finished_file_of_the_take_counts_as_progress_once(job):
    rendered = lost(job, frames=job.request.frame_count)
    for files in (1, 2):
        rendered = replace(policy.started(rendered, 3.0), attempts=2)
        rendered = attempt_lost(with_outputs(rendered, files), "it crashed", 4.0)
        assert (rendered.state, rendered.attempts) == (JobState.QUEUED, 0)
        assert rendered.view().progress.frames_done == job.request.frame_count
    again = attempt_lost(with_outputs(policy.started(rendered, 5.0), 2), "it crashed", 6.0)
    assert again.attempts == 1
    assert with_outputs(job, 0) == job


def test_kills_from_outside_have_a_limit_of_their_own(job):
    for count in range(1, KILL_LIMIT):
        job = lost(job, Loss.KILL)
        assert (job.state, job.attempts, job.kills) == (JobState.QUEUED, 0, count)
    assert lost(job, Loss.KILL, frames=1).kills == 0
    job = lost(job, Loss.KILL, reason="somebody killed it")
    assert job.state is JobState.FAILED
    assert f"{KILL_LIMIT} times" in job.error.message


def test_memory_that_runs_out_is_no_attempt_and_no_kill_and_keeps_the_place(job):
    job = replace(job, position=4, priority=2)
    for count in range(1, MEMORY_LIMIT):
        job = lost(job, Loss.MEMORY)
        assert (job.state, job.attempts, job.kills, job.memory_ends) == (JobState.QUEUED, 0, 0, count)
        assert (job.position, job.priority, job.memory_ran_out) == (4, 2, False)
    assert lost(job, Loss.MEMORY, share=0.5).memory_ends == 0
    job = lost(job, Loss.MEMORY, reason="Memory ran out while denoising.")
    assert (job.state, job.error.code) == (JobState.FAILED, ErrorCode.OUT_OF_MEMORY)
    assert f"{MEMORY_LIMIT} times" in job.error.message
    assert "smaller size" in job.error.next_step


@pytest.mark.parametrize(
    ("renderer", "limit"), [(RendererName.DIFFUSION, MEMORY_LIMIT), (RendererName.DRAFT, ATTEMPT_LIMIT)]
)
def test_a_system_that_ends_the_render_for_want_of_memory_is_told_to_the_next_attempt(
    job, make_request, renderer, limit
):
    job = replace(job, request=make_request(renderer=renderer))
    for count in range(1, limit):
        job = lost(job, Loss.MEMORY_KILL)
        assert (job.state, job.attempts, job.memory_ends) == (JobState.QUEUED, 0, count)
        assert job.memory_ran_out
    job = lost(job, Loss.MEMORY_KILL)
    assert (job.state, job.error.code) == (JobState.FAILED, ErrorCode.OUT_OF_MEMORY)


def test_that_memory_ran_out_is_forgotten_when_the_next_attempt_has_something_to_tell(job):
    job = policy.started(lost(job, Loss.MEMORY_KILL), 3.0)
    assert job.memory_ran_out
    assert attempt_lost(job, "it crashed", 4.0).memory_ran_out
    assert not policy.progressed(job, JobProgress(phase="Preparing", frame_count=5)).memory_ran_out


def test_a_lost_device_is_an_attempt_and_the_last_one_names_it(job):
    for count in (1, 2):
        job = lost(job, Loss.DEVICE)
        assert (job.state, job.attempts) == (JobState.QUEUED, count)
    job = lost(job, Loss.DEVICE, reason="Card 7 stopped computing")
    assert (job.state, job.error.code) == (JobState.FAILED, ErrorCode.WORKER_LOST)
    assert "Card 7 stopped computing" in job.error.message
    assert "driver" in job.error.next_step


def test_a_retried_job_begins_with_all_counts_at_zero(job):
    ended = replace(job, state=JobState.FAILED, attempts=3, kills=11, memory_ends=15, memory_ran_out=True)
    again = policy.retried(ended, 7)
    assert (again.attempts, again.kills, again.memory_ends, again.memory_ran_out) == (0, 0, 0, False)


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
        job = attempt_lost(job, "it crashed", 2.0)
        attempts += 1
    assert attempts <= 3 * (frame_count + 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Loss), st.integers(0, 4)), min_size=1, max_size=40))
def test_whatever_ends_a_job_it_cannot_run_for_ever_at_the_same_steps(make_request_once, ends):
    """Each of the steps can set the counts back once; between two, every count has its limit."""
    job = JobRecord(
        job_id="one", request=make_request_once, state=JobState.QUEUED, priority=0, position=0, created_at=0.0
    )
    lives = 0
    while job.state is JobState.QUEUED:
        loss, step = ends[lives % len(ends)]
        job = lost(job, loss, share=step / 8)
        lives += 1
    assert lives <= 5 * (ATTEMPT_LIMIT + KILL_LIMIT + MEMORY_LIMIT)


@pytest.mark.parametrize("choice", [AfterCrash.PAUSED, AfterCrash.ASK])
def test_a_pause_after_a_crash_says_why(job, choice):
    _, paused = after_engine_crash([policy.started(job, 1.0)], QueueSettings(after_crash=choice), 2.0)
    assert paused.paused
    assert job.request.scene_name in paused.pause_reason
    assert "Resume" in paused.pause_reason


def test_after_a_crash_the_policy_says_whether_the_queue_goes_on(job):
    jobs = [policy.started(job, 1.0), replace(job, job_id="waiting")]
    for choice, paused, asks in (
        (AfterCrash.RUN, False, False),
        (AfterCrash.PAUSED, True, False),
        (AfterCrash.ASK, True, True),
    ):
        changed, settings = after_engine_crash(jobs, QueueSettings(after_crash=choice), 2.0)
        assert [(job.state, job.attempts) for job in changed] == [(JobState.QUEUED, 1)]
        assert (settings.paused, settings.needs_answer) == (paused, asks)
        unchanged = after_engine_crash(jobs[1:], QueueSettings(after_crash=choice), 2.0)
        assert unchanged == ([], QueueSettings(after_crash=choice))
