"""Work leaves the GUI thread and comes back to it."""

import threading

import pytest

from desktop.background.task_pool import TaskPool, report_of
from engine.protocol.errors import ErrorCode, UserError
from tests.desktop.hands import wait_until
from tests.patience import PATIENCE_S


@pytest.fixture
def pool(qt_application):
    made = TaskPool()
    yield made
    made.close()


def test_work_is_done_elsewhere_and_its_result_arrives_here(pool):
    threads, results = [], []
    pool.run(
        lambda: threads.append(threading.current_thread().name) or 7,
        on_done=lambda result: results.append((result, threading.current_thread())),
        on_failed=results.append,
    )
    wait_until(lambda: results)
    assert results == [(7, threading.main_thread())]
    assert threads[0].startswith("masque-pool")


def test_a_user_error_arrives_as_its_sentence(pool):
    reports = []

    def fail():
        raise UserError("The disk is full.", next_step="Free some space.", code=ErrorCode.DISK_FULL)

    pool.run(fail, on_done=reports.append, on_failed=reports.append)
    wait_until(lambda: reports)
    assert reports[0].code is ErrorCode.DISK_FULL
    assert reports[0].sentence() == "The disk is full. Free some space."


def test_a_fault_becomes_one_sentence_and_its_traceback_goes_to_the_log(caplog):
    report = report_of(ZeroDivisionError("secret detail"))
    assert report.code is ErrorCode.INTERNAL
    assert "secret" not in report.sentence()
    assert "secret detail" in caplog.text
    caplog.clear()


def test_a_forgotten_task_calls_nobody(pool):
    gate, heard = threading.Event(), []
    number = pool.run(lambda: gate.wait(PATIENCE_S), on_done=heard.append, on_failed=heard.append)
    pool.forget(number)
    other = []
    gate.set()
    pool.run(lambda: 1, on_done=other.append, on_failed=other.append)
    wait_until(lambda: other)
    assert heard == []
