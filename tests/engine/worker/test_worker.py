"""The worker on its own: what it says on its pipe, and that it ends with its server."""

import os
import signal
import subprocess
import sys
import time

import pytest

from engine.jobs.file_lock import FileLock
from engine.locations import engine_locations
from engine.protocol.codec import decode_report, encode_order
from engine.protocol.jobs import JobProgress
from engine.protocol.messages import (
    RenderJob,
    StopRender,
    WorkerAlive,
    WorkerDeviceLost,
    WorkerExit,
    WorkerFailed,
    WorkerFinished,
    WorkerOutOfMemory,
    WorkerPreview,
    WorkerProgress,
    WorkerStopped,
)
from engine.renderers.work_directory import LOCK_NAME, MEMORY_RAN_OUT_NAME
from tests.patience import PATIENCE_S


class Worker:
    """A worker process and what it reports."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def order(self, *orders):
        self.process.stdin.write(b"".join(encode_order(order) for order in orders))
        self.process.stdin.flush()

    def reports_until(self, kind):
        reports = []
        while not reports or not isinstance(reports[-1], kind):
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read().decode()
            reports.append(decode_report(line))
        return reports

    def end(self):
        """Close the worker's orders and return its exit code, its last reports and what it printed."""
        said, printed = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, [decode_report(line) for line in said.splitlines()], printed.decode()


@pytest.fixture
def start_worker(tiny_worker_command):
    workers = []

    def start():
        workers.append(Worker(tiny_worker_command))
        return workers[-1]

    yield start
    for worker in workers:
        worker.process.kill()
        worker.process.communicate()


def test_a_render_is_reported_from_the_first_sign_of_life_to_the_result(start_worker, make_request):
    worker = start_worker()
    worker.order(RenderJob(job_id="job", request=make_request(frame_count=4)))
    reports = worker.reports_until(WorkerFinished)
    assert isinstance(reports[0], WorkerAlive)
    progress = [report.progress for report in reports if isinstance(report, WorkerProgress)]
    assert progress[0] == JobProgress(phase="Preparing", frames_done=0, frame_count=4)
    assert progress[-1].frames_done == 4
    assert any(isinstance(report, WorkerPreview) for report in reports)
    assert reports[-1].result.frame_count == 4


def test_what_libraries_print_does_not_break_the_pipe(start_worker, make_request):
    worker = start_worker()
    worker.order(RenderJob(job_id="job", request=make_request()))
    worker.reports_until(WorkerFinished)
    code, _, printed = worker.end()
    assert code == 0
    assert "a library prints to standard output" in printed
    assert "and so does a C library" in printed


def test_ticks_grow_with_the_render(start_worker, make_request):
    worker = start_worker()
    worker.order(RenderJob(job_id="job", request=make_request("slow", frame_count=60)))
    reports = worker.reports_until(WorkerFinished)
    ticks = [report.ticks for report in reports if isinstance(report, WorkerAlive)]
    assert ticks == sorted(ticks)
    assert ticks[-1] > ticks[0]


def test_a_worker_ends_with_its_server_and_keeps_its_frames(start_worker, make_request):
    worker = start_worker()
    worker.order(RenderJob(job_id="job", request=make_request("slow", frame_count=5000)))
    worker.reports_until(WorkerPreview)
    code, reports, _ = worker.end()
    assert code == 0
    assert any(isinstance(report, WorkerStopped) for report in reports)
    assert list(engine_locations().work_directory("job").glob("frame-*"))


@pytest.mark.parametrize("discard", [True, False])
def test_a_stopped_render_keeps_or_discards_its_frames(start_worker, make_request, discard):
    worker = start_worker()
    worker.order(RenderJob(job_id="job", request=make_request("slow", frame_count=5000)))
    worker.reports_until(WorkerPreview)
    worker.order(StopRender(job_id="job", discard=discard))
    worker.reports_until(WorkerStopped)
    assert engine_locations().work_directory("job").exists() is not discard


def test_a_stop_for_another_job_stops_nothing(start_worker, make_request):
    worker = start_worker()
    worker.order(
        StopRender(job_id="job", discard=True),
        RenderJob(job_id="job", request=make_request()),
        StopRender(job_id="another", discard=True),
    )
    worker.reports_until(WorkerFinished)


def test_a_worker_waits_until_another_has_left_the_work_directory(start_worker, make_request):
    work = engine_locations().work_directory("job")
    work.mkdir()
    worker = start_worker()
    with FileLock(work / LOCK_NAME) as held:
        assert held.try_acquire()
        worker.order(RenderJob(job_id="job", request=make_request()))
        before = worker.reports_until(WorkerAlive) + worker.reports_until(WorkerAlive)
        assert all(isinstance(report, WorkerAlive) for report in before)
        assert not (work / "started").exists()
    worker.reports_until(WorkerFinished)


def test_a_worker_that_waits_can_be_stopped(start_worker, make_request):
    work = engine_locations().work_directory("job")
    work.mkdir()
    worker = start_worker()
    with FileLock(work / LOCK_NAME) as held:
        assert held.try_acquire()
        worker.order(RenderJob(job_id="job", request=make_request()), StopRender(job_id="job", discard=False))
        worker.reports_until(WorkerStopped)


def test_a_fault_is_told_in_a_sentence_and_logged_with_its_job(start_worker, make_request):
    worker = start_worker()
    worker.order(RenderJob(job_id="job-7", request=make_request("faulty")))
    failed = worker.reports_until(WorkerFailed)[-1]
    assert "ZeroDivisionError" not in failed.error.sentence()
    assert "worker.log" in failed.error.next_step
    _, _, printed = worker.end()
    assert "ZeroDivisionError" in printed
    assert "[job-7]" in printed


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        ("hungry", WorkerOutOfMemory, WorkerExit.OUT_OF_MEMORY),
        ("greedy", WorkerFailed, WorkerExit.OUT_OF_MEMORY),
        ("deviceless", WorkerDeviceLost, WorkerExit.DEVICE_LOST),
    ],
)
def test_a_worker_without_memory_or_device_says_so_and_ends_by_itself(
    start_worker, make_request, words, kind, code
):
    worker = start_worker()
    worker.order(
        RenderJob(job_id="job-7", request=make_request(words)),
        RenderJob(job_id="next", request=make_request()),
    )
    end = worker.reports_until(kind)[-1]
    assert end.job_id == "job-7"
    assert worker.process.wait(PATIENCE_S) == code
    assert not engine_locations().work_directory("next").exists()
    _, _, printed = worker.end()
    assert "[job-7]" in printed


def test_what_a_worker_says_of_memory_and_device_is_for_people(start_worker, make_request):
    worker = start_worker()
    worker.order(RenderJob(job_id="job", request=make_request("hungry")))
    told = worker.reports_until(WorkerOutOfMemory)[-1].told
    assert told == "Memory ran out; the render goes on with less (1)."
    another = start_worker()
    another.order(RenderJob(job_id="another", request=make_request("deviceless")))
    assert another.reports_until(WorkerDeviceLost)[-1].reason == "Card 7 stopped computing"


def test_word_that_memory_ran_out_lies_in_the_work_directory_of_that_job_alone(start_worker, make_request):
    worker = start_worker()
    worker.order(
        RenderJob(job_id="told", request=make_request(), memory_ran_out=True),
        RenderJob(job_id="untold", request=make_request()),
    )
    worker.reports_until(WorkerFinished)
    worker.reports_until(WorkerFinished)
    work = engine_locations().work
    assert (work / "told" / MEMORY_RAN_OUT_NAME).exists()
    assert not (work / "untold" / MEMORY_RAN_OUT_NAME).exists()


def test_a_line_that_is_no_order_ends_the_worker(start_worker):
    worker = start_worker()
    worker.process.stdin.write(b"rubbish\n")
    worker.process.stdin.flush()
    assert worker.process.wait(PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_leaves_control_c_to_its_server_and_is_nice(start_worker, make_request):
    worker = start_worker()
    worker.reports_until(WorkerAlive)
    assert os.getpriority(os.PRIO_PROCESS, worker.process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    worker.process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    worker.order(RenderJob(job_id="job", request=make_request()))
    worker.reports_until(WorkerFinished)
