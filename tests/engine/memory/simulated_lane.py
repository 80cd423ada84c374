"""A device that does what it was asked for as late, as early or as oddly as the marks allow.

Computation and copies are two queues of things to do. Whenever somebody waits, or when the test says so, the
device does some of them in an order that `choose` picks; only marks tie the queues together. A copy is done
in two halves, so that what is only half there can be seen.
"""

import threading
from collections import deque
from dataclasses import dataclass

import torch


@dataclass(eq=False)
class SimulatedMark:
    """A moment in one of the queues."""

    device: "SimulatedDevice"
    done: bool = False

    def wait_here(self):
        self.device.run_until(lambda: self.done)


@dataclass(eq=False)
class Task:
    """Something to do once a mark is there."""

    do: object
    after: SimulatedMark | None = None

    @property
    def may_begin(self):
        return self.after is None or self.after.done


class SimulatedDevice:
    """`choose(names)` picks which of the queues that can go on does so: "copy" or "compute"."""

    def __init__(self, choose):
        self._choose = choose
        self._queues = {"compute": deque(), "copy": deque()}
        self._lock = threading.RLock()

    def ask(self, queue, do, after=None):
        with self._lock:
            self._queues[queue].append(Task(do, after))

    def step(self):
        """Do one thing of those that can be done; return whether there was one."""
        with self._lock:
            ready = [name for name, tasks in self._queues.items() if tasks and tasks[0].may_begin]
            if not ready:
                return False
            self._queues[ready[0] if len(ready) == 1 else self._choose(ready)].popleft().do()
            return True

    def run_until(self, reached):
        with self._lock:
            while not reached():
                assert self.step(), "the device waits for something that will never be"

    def finish(self):
        with self._lock:
            while self.step():
                pass
            assert not any(self._queues.values()), "the device waits for something that will never be"

    def is_idle(self):
        return not any(self._queues.values())


class SimulatedLane:
    """A lane to such a device; its memory is ordinary memory, of which none can be pinned."""

    needs_pinned_memory = True

    def __init__(self, choose):
        self.simulated = SimulatedDevice(choose)
        self.device = torch.device("cpu")
        self.copied_bytes = 0

    def copy(self, destination, source, after):
        half = len(destination) // 2
        mark = SimulatedMark(self.simulated)
        self.copied_bytes += len(destination)

        def finish():
            destination[half:] = source[half:]
            mark.done = True

        self.simulated.ask("copy", lambda: destination[:half].copy_(source[:half]), after)
        self.simulated.ask("copy", finish)
        return mark

    def wait(self, mark):
        self.simulated.ask("compute", lambda: None, mark)

    def mark(self):
        mark = SimulatedMark(self.simulated)

        def reach():
            mark.done = True

        self.simulated.ask("compute", reach)
        return mark

    def settle(self):
        self.simulated.finish()

    def compute(self, do):
        """Ask for some computation: what it sees is what is there when the device comes to it."""
        self.simulated.ask("compute", do)


def copies_late(ready):
    """Copies are done only when computation cannot go on without."""
    return "compute"


def copies_early(ready):
    """Copies are done as soon as they may be."""
    return "copy"
