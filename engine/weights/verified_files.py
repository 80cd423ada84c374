"""The files of a bundle, hashed, and held to their state from before the check to its end."""

import hashlib
from collections.abc import Mapping
from os import stat_result
from pathlib import Path

from engine.bundles.installed_bundle import PartFile
from engine.bundles.part_search import FoundPart
from engine.media.read_errors import reading
from engine.protocol.errors import ErrorCode, UserError
from engine.weights.inspection_progress import ProgressCount

_PIECE_BYTES = 1 << 24


class VerifiedFiles:
    """Each file once, though two parts may share it. Raises UserError where one cannot be read."""

    def __init__(self, folder: Path, found: tuple[FoundPart, ...]) -> None:
        self._folder = folder
        self._states = {str(path): _state(folder / path) for part in found for path in part.files}
        self._checked_bytes = sum(self._states[str(path)].st_size for part in found for path in part.files)

    def bytes_to_read(self) -> int:
        """Return how many bytes are read in all: each part's to check it, each file's to hash it."""
        return self._checked_bytes + sum(state.st_size for state in self._states.values())

    def hashed(self, count: ProgressCount) -> Mapping[str, PartFile]:
        """Return the files with their hashes by path.

        Raises UserError: WRONG_STATE for one that changed since this was made, FILE_MISSING, FILE_UNREADABLE.
        """
        return {path: self._hashed(path, state, count) for path, state in self._states.items()}

    def _hashed(self, path: str, before: stat_result, count: ProgressCount) -> PartFile:
        file = self._folder / path
        count.begin(file.name)
        digest = hashlib.sha256()
        with reading(file), file.open("rb") as stream:
            while piece := stream.read(_PIECE_BYTES):
                digest.update(piece)
                count.done(len(piece))
        after = _state(file)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UserError(
                f"{file.name} changed while it was being checked.",
                next_step="Wait until nothing writes to it (a download, a copy), then check again.",
                code=ErrorCode.WRONG_STATE,
                details={"path": str(file)},
            )
        return PartFile(
            path=path,
            size_bytes=after.st_size,
            modified_ns=after.st_mtime_ns,
            sha256=digest.hexdigest(),
        )


def _state(path: Path) -> stat_result:
    with reading(path):
        return path.stat()
