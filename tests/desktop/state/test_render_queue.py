"""The queue follows the engine's events; the edge of the process is the only thing replaced."""

from dataclasses import replace

import pytest

from desktop.engine_link.engine_link import EngineLink, LinkState
from desktop.models.job_table import PROGRESS, STATE, TIME, JobTableModel
from desktop.models.tones import StatusTone
from desktop.panels.row_painting import Role
from desktop.state.render_queue import RenderQueue
from engine.protocol.errors import ErrorCode, ErrorReport
from engine.protocol.jobs import AfterCrash, JobProgress, JobState, QueueStatus
from engine.protocol.messages import JobChanged, JobRemoved, QueueChanged
from tests.job_views import job

STATUS = QueueStatus(paused=False, needs_answer=False, after_crash=AfterCrash.RUN, counts={})


@pytest.fixture
def link(qt_application):
    return EngineLink()


@pytest.fixture
def queue(link):
    made = RenderQueue(link)
    link.state_changed.emit(LinkState.READY)
    link.jobs_listed.emit((job(1), job(2)), STATUS)
    return made


@pytest.fixture
def table(queue):
    return JobTableModel(queue)


def text(table, row, column):
    return table.index(row, column).data()


def test_a_running_job_comes_first_and_tells_frames_and_time(link, queue, table):
    progress = JobProgress(phase="Rendering", frames_done=40, frame_count=100, seconds_left=130.0)
    link.event_arrived.emit(JobChanged(job=job(2, JobState.RUNNING, progress=progress)))
    assert [one.job_id for one in queue.jobs()] == ["job2", "job1"]
    assert text(table, 0, PROGRESS) == "40 %"
    assert text(table, 0, TIME) == "frame 40 of 100 · 2 min left"
    assert text(table, 0, STATE) == "rendering"
    assert table.index(0, 0).data(Role.TONE) == StatusTone.RUNNING
    assert queue.seconds_left() == 130.0


def test_progress_alone_repaints_one_row(link, queue, table):
    link.event_arrived.emit(JobChanged(job=job(1, JobState.RUNNING)))
    resets, repaints = [], []
    table.modelReset.connect(lambda: resets.append(True))
    table.dataChanged.connect(lambda first, last: repaints.append((first.row(), last.row())))
    progress = JobProgress(frames_done=5, frame_count=100)
    link.event_arrived.emit(JobChanged(job=job(1, JobState.RUNNING, progress=progress)))
    assert (resets, repaints) == ([], [(0, 0)])


def test_a_failed_job_says_why_and_is_announced_once(link, queue, table):
    finished = []
    queue.job_finished.connect(finished.append)
    error = ErrorReport(code=ErrorCode.DISK_FULL, message="The disk is full.", next_step="Free some space.")
    failed = job(1, JobState.FAILED, error=error, finished_at=9.0)
    link.event_arrived.emit(JobChanged(job=failed))
    link.event_arrived.emit(JobChanged(job=failed))
    assert finished == [failed]
    assert text(table, 1, STATE) == "failed: The disk is full. Free some space."
    assert queue.unfinished_count() == 1


def test_what_finished_before_we_listened_is_no_news_but_what_finished_while_we_were_away_is(link, queue):
    finished = []
    queue.job_finished.connect(lambda one: finished.append(one.job_id))
    link.jobs_listed.emit((job(1, JobState.DONE), job(3, JobState.DONE)), STATUS)
    assert finished == ["job1"]


def test_previews_are_kept_until_the_job_ends_or_goes(link, queue):
    link.preview_arrived.emit("job1", 16, b"jpeg")
    assert queue.preview("job1").frame == 16
    link.event_arrived.emit(JobChanged(job=job(1, JobState.DONE)))
    assert queue.preview("job1") is None
    link.event_arrived.emit(JobRemoved(job_id="job1"))
    assert [one.job_id for one in queue.jobs()] == ["job2"]


def test_a_paused_queue_and_a_lost_engine_are_known(link, queue):
    link.event_arrived.emit(QueueChanged(queue=replace(STATUS, paused=True)))
    assert queue.paused
    link.state_changed.emit(LinkState.LOST)
    assert queue.link_state is LinkState.LOST


def test_jobs_of_a_lost_engine_wait_for_it_and_do_not_pretend_to_run(link, queue, table):
    link.event_arrived.emit(JobChanged(job=job(1, JobState.RUNNING)))
    link.state_changed.emit(LinkState.LOST)
    assert text(table, 0, STATE) == "waiting for the engine"
    assert table.index(0, 0).data(Role.TONE) == StatusTone.WAITING


def test_higher_priorities_come_first_and_finished_jobs_last(link, queue):
    link.event_arrived.emit(JobChanged(job=job(3, priority=5)))
    link.event_arrived.emit(JobChanged(job=job(1, JobState.CANCELLED, finished_at=3.0)))
    assert [one.job_id for one in queue.jobs()] == ["job3", "job2", "job1"]
