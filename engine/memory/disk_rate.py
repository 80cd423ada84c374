"""How fast a disk is read, measured with a file of our own that is never left behind."""

import os
import shutil
import sys
import tempfile
import time
from io import FileIO
from pathlib import Path

_PIECE_BYTES = 16 * 2**20
_MOST_PIECES = 32
_PIECES_BETWEEN_SYNCS = 4
_SHARE_OF_FREE_DISK = 4
_MOST_SECONDS_EACH_WAY = 4.0
_SLOW_DISK_BYTES_PER_S = 50e6  # a turning disk on a bad day: what is assumed where nothing can be written


def disk_rate(folder: Path, *, pieces: int = _MOST_PIECES) -> float:
    """Return how many bytes a second are read from `folder`'s disk that were not in memory before.

    A temporary file of up to `pieces` times 16 MiB is written there and read back; on a slow disk, or one
    with little space, a smaller one. Where the system cannot be asked to forget what it has just written
    (Windows), the rate of writing bounds the answer. 50 MB/s where nothing can be written at all.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, prefix="masque-rate-", buffering=0) as file:
            written, write_rate = _write(file, min(pieces, _pieces_that_fit(folder)))
            if written == 0:
                return _SLOW_DISK_BYTES_PER_S
            forgotten = _forget_in_memory(file)
            read_rate = _read(file)
    except OSError:
        return _SLOW_DISK_BYTES_PER_S
    return read_rate if forgotten else min(read_rate, write_rate)


def _pieces_that_fit(folder: Path) -> int:
    """Return how many pieces a quarter of the free disk holds: nobody else shall find it full."""
    return shutil.disk_usage(folder).free // _SHARE_OF_FREE_DISK // _PIECE_BYTES


def _write(file: FileIO, pieces: int) -> tuple[int, float]:
    """Write pieces to the disk until there is no more time or space; return the bytes and the rate."""
    piece = os.urandom(_PIECE_BYTES)  # of which no file system stores less than is written
    start = time.perf_counter()
    written = 0
    for number in range(1, pieces + 1):
        try:
            written += file.write(piece)
            if number % _PIECES_BETWEEN_SYNCS == 0 or number == pieces:
                os.fsync(file.fileno())
        except OSError:
            break  # full: what has been written is read back
        if time.perf_counter() - start > _MOST_SECONDS_EACH_WAY:
            break
    return written, written / (time.perf_counter() - start)


def _forget_in_memory(file: FileIO) -> bool:
    """Have the system forget what it holds of a file, so that the disk is read; say whether it can."""
    if sys.platform == "linux":
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return True
    return False


def _read(file: FileIO) -> float:
    """Read a file from its beginning until its end or no more time; return bytes a second."""
    piece = bytearray(_PIECE_BYTES)
    file.seek(0)
    start = time.perf_counter()
    read = 0
    while count := file.readinto(piece):
        read += count
        if time.perf_counter() - start > _MOST_SECONDS_EACH_WAY:
            break
    return read / (time.perf_counter() - start)
