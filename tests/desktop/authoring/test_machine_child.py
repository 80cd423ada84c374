"""The process that looks at the machine does not outlive the window that asked for it."""

import threading
import time

import pytest

from desktop.authoring.machine_child import MachineChild
from desktop.authoring.machine_knowledge import known_machine
from engine.protocol.errors import UserError
from tests.patience import PATIENCE_S


def test_a_child_that_runs_is_ended_when_nobody_waits_for_it():
    child, ended = MachineChild(), []

    def look():
        ended.append(child.run(["machine"]).returncode)

    thread = threading.Thread(target=look)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while child._child is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert ended[0] != 0


def test_none_is_started_after_the_end():
    child = MachineChild()
    child.close()
    with pytest.raises(OSError):
        child.run(["machine"])
    with pytest.raises(UserError):
        known_machine(run_child=child.run)


def test_what_the_child_says_comes_back():
    run = MachineChild().run(["no-such-thing"])
    assert run.returncode != 0
    assert "no-such-thing" in run.stdout + run.stderr
