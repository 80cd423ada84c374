"""Whether there is an ordinary file of weights, and whether it still is the one that was opened."""

import stat
from dataclasses import dataclass
from os import stat_result
from pathlib import Path

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.weight_errors import missing_file, refused_by_system, unreadable_file


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What a file was like when it was opened: its size and when it was last written."""

    path: Path
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileState":
        """Return the state now. Raises UserError where there is no ordinary file with something in it."""
        status = check_is_a_file(path)
        return cls(path=path, size_bytes=status.st_size, modified_ns=status.st_mtime_ns)

    def check(self) -> None:
        """Check that the file is still there and nobody wrote to it. Raises UserError (WRONG_STATE)."""
        if FileState.of(self.path) != self:
            raise UserError(
                f"The weights {self.path.name} changed while they were in use.",
                next_step="Wait until nothing writes to it (a download, a copy), then verify again.",
                code=ErrorCode.WRONG_STATE,
                details={"path": str(self.path)},
            )


def check_is_a_file(path: Path) -> stat_result:
    """Check that there is an ordinary file with something in it, and return its status. Raises UserError."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing_file(path) from error
    except OSError as error:
        raise refused_by_system(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise unreadable_file(path, "are a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise unreadable_file(path, "are no ordinary file")
    if status.st_size == 0:
        raise unreadable_file(path, "are an empty file")
    return status
