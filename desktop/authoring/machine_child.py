"""The process that looks at this machine, and that can be ended at once: when the window closes, it does."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from engine.locations import child_environment

PATIENCE_S = 180.0  # of which loading torch and measuring take 30 on a slow machine


class MachineChild:
    """Runs one at a time. After `close` none is started any more, and one that runs is killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._closed = False

    def run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run `python -m engine.memory` to its end. Raises OSError, subprocess.TimeoutExpired."""
        with self._start(arguments) as child:
            try:
                output, log = child.communicate(timeout=PATIENCE_S)
            finally:
                child.kill()
        return subprocess.CompletedProcess(arguments, child.returncode, output, log)

    def close(self) -> None:
        """End what runs."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._closed:
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
            self._child = subprocess.Popen(
                [sys.executable, "-m", "engine.memory", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                env=child_environment(),
            )
            return self._child
