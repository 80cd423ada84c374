"""What befalls the jobs of `tests.night_trial`, and what must become of them all the same."""

import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.client import EngineClient
from engine.locations import engine_locations
from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import JobState, JobView
from engine.protocol.messages import CancelJob, GetStatus
from tests.trial_engine import Strike, kill_server, kill_worker

DISK_BYTES = 2 * 2**20
ROOM_BYTES = 64 * 2**10
SPARE_BYTES = 2**20
CHECKPOINTS = "checkpoint-*.safetensors"


class Mishap(StrEnum):
    """What is done to a job, in the words of the table."""

    NONE = ""
    WORKER_KILLED = "worker killed"
    ENGINE_KILLED = "engine killed"
    CHECKPOINT_DAMAGED = "newer checkpoint damaged, worker killed"
    MEMORY_TAKEN = "worker gets no more memory"
    TOO_LARGE = "too large for the memory"
    FILE_MISSING = "its clip is gone"
    DISK_FULL = "disk full"
    CANCELLED_AT_WORK = "cancelled at work"
    CANCELLED_WAITING = "cancelled while it waits"


ERRORS = {
    Mishap.TOO_LARGE: ErrorCode.OUT_OF_MEMORY,
    Mishap.FILE_MISSING: ErrorCode.FILE_MISSING,
    Mishap.DISK_FULL: ErrorCode.DISK_FULL,
}
"""Whose job cannot finish, and what it must say."""

CANCELLED = frozenset({Mishap.CANCELLED_AT_WORK, Mishap.CANCELLED_WAITING})
IN_STEPS = frozenset({Mishap.CHECKPOINT_DAMAGED, Mishap.MEMORY_TAKEN})
MENDED = frozenset({Mishap.FILE_MISSING, Mishap.DISK_FULL})
"""Whose job is to finish when it is tried again after what was wrong is put right."""

MISHAPS = (
    Mishap.WORKER_KILLED,
    Mishap.ENGINE_KILLED,
    Mishap.CHECKPOINT_DAMAGED,
    Mishap.FILE_MISSING,
    Mishap.WORKER_KILLED,
    Mishap.TOO_LARGE,
    Mishap.CANCELLED_WAITING,
    Mishap.ENGINE_KILLED,
    Mishap.DISK_FULL,
    Mishap.CHECKPOINT_DAMAGED,
    Mishap.MEMORY_TAKEN,
    Mishap.CANCELLED_AT_WORK,
    Mishap.WORKER_KILLED,
    Mishap.ENGINE_KILLED,
)
"""Of one night, in this order."""


def mishaps_of(count: int) -> list[Mishap]:
    """Return what befalls each of so many jobs. Raises ValueError for fewer than there are mishaps."""
    if count < len(MISHAPS):
        raise ValueError(f"a night has at least {len(MISHAPS)} jobs")
    night = [Mishap.NONE] * count
    for number, mishap in enumerate(MISHAPS):
        night[(2 * number + 1) * count // (2 * len(MISHAPS))] = mishap
    return night


def expected_end(mishap: Mishap) -> tuple[JobState, ErrorCode | None]:
    """Return how a job must end, and with which error."""
    if mishap in CANCELLED:
        return JobState.CANCELLED, None
    error = ERRORS.get(mishap)
    return (JobState.DONE if error is None else JobState.FAILED), error


async def cancel(client: EngineClient, job: JobView) -> bool:
    """Cancel the job."""
    await client.send(CancelJob(job_id=job.job_id))
    return True


async def damage_checkpoint(client: EngineClient, job: JobView) -> bool:
    """Damage the newer of two checkpoints and kill the worker, which must do with the older one."""
    worker = (await client.send(GetStatus())).worker_process_id
    work = engine_locations().work_directory(job.job_id)
    if worker is None or len(list(work.glob(CHECKPOINTS))) < 2:
        return False
    os.kill(worker, signal.SIGSTOP)  # else it might write another one meanwhile
    kept = list(work.glob(CHECKPOINTS))
    if len(kept) < 2:
        os.kill(worker, signal.SIGCONT)
        return False
    newest = max(kept, key=lambda path: path.stat().st_mtime_ns)
    data = bytearray(newest.read_bytes())
    data[-100] ^= 0xFF
    newest.write_bytes(data)
    os.kill(worker, signal.SIGKILL)
    return True


async def take_memory(client: EngineClient, job: JobView) -> bool:
    """Let the system refuse the worker any more memory, as a machine does where there is none."""
    worker = (await client.send(GetStatus())).worker_process_id
    if worker is None or "step" not in job.progress.phase.lower():
        return False
    pages = int(Path(f"/proc/{worker}/statm").read_text(encoding="ascii").split()[0])
    _limit(worker, memory_bytes=pages * mmap.PAGESIZE + SPARE_BYTES)
    return True


async def forbid_large_files(client: EngineClient, _job: JobView) -> bool:
    """Let the system refuse the worker large files: what a full disk does, where none can be had."""
    worker = (await client.send(GetStatus())).worker_process_id
    if worker is not None:
        _limit(worker, file_bytes=ROOM_BYTES)
    return worker is not None


async def lift_limits(client: EngineClient) -> None:
    """Take back what a strike forbade a worker that lives on."""
    worker = (await client.send(GetStatus())).worker_process_id
    if worker is not None:
        _limit(worker)


def _limit(process_id: int, *, memory_bytes: int | None = None, file_bytes: int | None = None) -> None:
    """Let the system refuse a process what goes beyond; None: nothing. It may have ended meanwhile."""
    import resource  # not on Windows

    without = resource.RLIM_INFINITY
    limits = ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_FSIZE, file_bytes))
    with suppress(ProcessLookupError):
        for kind, most in limits:
            resource.prlimit(process_id, kind, (without if most is None else most, without))


AT_WORK: dict[Mishap, Strike] = {
    Mishap.WORKER_KILLED: kill_worker,
    Mishap.ENGINE_KILLED: kill_server,
    Mishap.CHECKPOINT_DAMAGED: damage_checkpoint,
    Mishap.MEMORY_TAKEN: take_memory,
    Mishap.CANCELLED_AT_WORK: cancel,
}
"""What is done to a job while it is at work."""


def strike_of(mishap: Mishap, disk: "SmallDisk") -> Strike | None:
    """Return what is done to a job while it is at work; None where nothing is."""
    if mishap is Mishap.DISK_FULL and not disk.is_real:
        return forbid_large_files
    return AT_WORK.get(mishap)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallDisk:
    """A disk of 2 MB with room for 64 KB; where none can be mounted, a folder (`is_real` is False)."""

    folder: Path
    is_real: bool

    def make_room(self) -> None:
        """Delete what fills it."""
        self._filler.unlink()

    def fill(self) -> None:
        """Leave it little room."""
        self._filler.write_bytes(bytes(DISK_BYTES - ROOM_BYTES) if self.is_real else b"")

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Lend a full disk. Only root can mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "masque-trial", str(folder)]
    is_real = sys.platform == "linux" and os.geteuid() == 0
    is_real = is_real and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    disk = SmallDisk(folder=folder, is_real=is_real)
    try:
        disk.fill()
        yield disk
    finally:
        if is_real:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
