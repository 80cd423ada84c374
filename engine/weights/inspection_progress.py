"""How far the inspection of a bundle is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionProgress:
    """`file` is being read; the bytes count both checking and hashing: about twice the files' sizes."""

    file: str
    bytes_done: int
    bytes_total: int


class ProgressCount:
    """Adds up what was read and reports it at each step."""

    def __init__(self, total_bytes: int, report: Callable[[InspectionProgress], None]) -> None:
        self._total = total_bytes
        self._report = report
        self._done = 0
        self._file = ""

    def begin(self, file: str) -> None:
        """Report that a file is being read."""
        self._file = file
        self.done(0)

    def done(self, count: int) -> None:
        """Report that so many bytes more were read."""
        self._done += count
        progress = InspectionProgress(file=self._file, bytes_done=self._done, bytes_total=self._total)
        self._report(progress)
