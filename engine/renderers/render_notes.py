"""What has to be remembered of a render from one attempt to the next: its warnings and how long it took."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

NOTES_NAME = "notes.json"


class RenderNotes:
    """Notes in a work directory. Losing them in a power cut loses no frame."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NOTES_NAME
        self._since = time.monotonic()
        self.seconds = 0.0
        self.warnings: tuple[str, ...] = ()
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self.seconds, self.warnings = float(kept["seconds"]), tuple(kept["warnings"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            self._write()

    def keep_warnings(self, warnings: Sequence[str]) -> None:
        """Keep what the render's preparation had to say."""
        self.warnings = tuple(warnings)
        self._write()

    def add_time(self) -> None:
        """Add the time since the last call, or since these notes were opened."""
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now
        self._write()

    def _write(self) -> None:
        temporary = self._path.with_name(f"{NOTES_NAME}.part")
        temporary.write_text(
            json.dumps({"seconds": self.seconds, "warnings": self.warnings}), encoding="utf-8"
        )
        temporary.replace(self._path)
