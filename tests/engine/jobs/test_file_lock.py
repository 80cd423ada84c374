"""A lock is held by one process, and let go when that process dies."""

import subprocess
import sys

from engine.jobs.file_lock import FileLock

HOLD = (
    "import sys, pathlib, time\n"
    "from engine.jobs.file_lock import FileLock\n"
    "lock = FileLock(pathlib.Path(sys.argv[1]))\n"
    "print(lock.try_acquire(), flush=True)\n"
    "lock.write('held here')\n"
    "print('written', flush=True)\n"
    "sys.stdin.read()\n"
)


def test_a_lock_is_held_by_one_process_until_it_dies(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert [holder.stdout.readline(), holder.stdout.readline()] == ["True\n", "written\n"]
        lock = FileLock(path)
        assert not lock.try_acquire()
        assert path.read_text() == "held here"
        holder.kill()
    assert lock.try_acquire()
    lock.release()


def test_a_lock_that_is_released_can_be_taken_again(tmp_path):
    with FileLock(tmp_path / "lock") as first:
        assert first.try_acquire()
        assert not FileLock(tmp_path / "lock").try_acquire()
    second = FileLock(tmp_path / "lock")
    assert second.try_acquire()
    second.release()
    second.release()
