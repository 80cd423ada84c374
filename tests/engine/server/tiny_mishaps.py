"""What goes wrong in the tiny renderer, by words in the scene's name."""

import errno
import os
import signal
import time
from pathlib import Path

from engine.media.read_errors import require_file
from engine.protocol.errors import ErrorCode, UserError
from engine.renderers.renderer import DeviceLostError, MemoryRanOutError
from engine.renderers.work_directory import MEMORY_RAN_OUT_NAME

RUNGS = 3


class NothingLeftError(MemoryRanOutError):
    """Memory ran out so far that not even a report can be made of it."""

    @property
    def told(self):
        raise MemoryError

    @told.setter
    def told(self, _told):
        pass


def begin(words, request, work):
    """Do what a render with these words does before its first frame."""
    _fail(words)
    if "missing" in words:
        require_file(request.plate.path)
    if "full" in words:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work / "frames-0"))
    if "deviceless" in words or ("flickering" in words and _first_time(work, "flickered")):
        raise DeviceLostError("device error: unspecified launch failure", device="Card 7")


def _fail(words):
    if "unreadable" in words:
        raise UserError(
            "The still cannot be read.", next_step="Choose another.", code=ErrorCode.FILE_UNREADABLE
        )
    if "faulty" in words:
        raise ZeroDivisionError("a fault")
    if "greedy" in words:
        raise MemoryError
    if "crashing" in words:
        os._exit(7)
    if "stuck" in words:
        time.sleep(600)


def take_memory(words, request, work, report):
    """Need more memory than there is: `insatiable` down its whole ladder, `hungry` once."""
    if "insatiable" not in words and "hungry" not in words:
        return
    ladder = work / "rung"
    rung = int(ladder.read_text()) if ladder.exists() else 0
    if "hungry" in words and rung == 1:
        return
    if rung == RUNGS:
        raise UserError(
            f"“{request.scene_name}” does not fit the memory.",
            next_step="Choose a smaller size.",
            code=ErrorCode.OUT_OF_MEMORY,
        )
    ladder.write_text(str(rung + 1))
    if "breathless" in words:
        raise NothingLeftError("out of memory", told="")
    report.progress("Denoising", 0, None, 0.1)
    raise MemoryRanOutError(
        "out of memory", told=f"Memory ran out; the render goes on with less ({rung + 1})."
    )


def end_without_memory(words, work, report):
    """Be ended by the system for want of memory, until the worker has been told of it twice."""
    if "oversized" not in words:
        return
    note = work / MEMORY_RAN_OUT_NAME
    told = work / "told"
    if note.exists():
        note.unlink()
        told.write_text("told" + told.read_text() if told.exists() else "told")
    if not told.exists() or told.read_text() != "toldtold":
        report.progress("Denoising", 0, None, 0.1)
        count_memory_kill()
        os.kill(os.getpid(), signal.SIGKILL)


def count_memory_kill():
    """Do what the system does before it ends a process for want of memory: count it."""
    path = Path(os.environ["TINY_VMSTAT"])
    count = int(path.read_text().split()[1])
    path.write_text(f"oom_kill {count + 1}\n")


def step(words, work, report):
    """Crash after a denoising step: `advancing` one step further each time, `stalling` always at the same."""
    if "stalling" in words:
        report.progress("Step 3", 0, None, 0.3)
        os._exit(9)
    if "advancing" not in words:
        return
    steps = work / "steps"
    number = int(steps.read_text()) + 1 if steps.exists() else 1
    if number < 6:
        steps.write_text(str(number))
        report.progress(f"Step {number}", 0, None, number / 10)
        os._exit(9)


def _first_time(work, name):
    if (work / name).exists():
        return False
    (work / name).touch()
    return True
