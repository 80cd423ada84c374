"""The most host memory a process takes, watched from a thread."""

import ctypes
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.memory.host_memory import process_bytes

_PERIOD_S = 0.02
_KINDS = ("RssAnon:", "RssShmem:")


class HostWatch:
    """Looks at this process's memory fifty times a second while its `with` lasts.

    What a shorter moment takes is missed. Memory that holds the content of files does not count where the
    system tells it apart (Linux): it is given back when somebody needs it. `taken` says how many bytes the
    process takes now.
    """

    def __init__(self, taken: Callable[[], int] | None = None) -> None:
        self._taken = taken or own_bytes
        self._before = self._most = self._taken()
        self._looking = threading.Lock()  # a look that began before an answer must not count after it
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="host-watch", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def most_since(self) -> int:
        """Return the most beyond the beginning since the last time this was asked, and count anew."""
        with self._looking:
            most, self._most = max(self._most, self._taken()), 0
        return max(most - self._before, 0)

    def _look(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            with self._looking:
                self._most = max(self._most, self._taken())


def give_back_freed_memory() -> None:
    """Have the system take back what was freed: the C library keeps much of it, which would count."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries than GNU's have none
        if trim is not None:
            trim(0)


def own_bytes() -> int:
    """Return how much of the host's memory this process takes, without the content of files."""
    if sys.platform != "linux":
        return process_bytes()
    lines = (line.split() for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    return sum(int(fields[1]) * 1024 for fields in lines if fields and fields[0] in _KINDS)
