"""What has to be remembered of a render from one attempt to the next: warnings, time, how it was made."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from engine.media.atomic import atomic_path
from engine.protocol.codec import decode_diffusion_record, encode_diffusion_record
from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.errors import UserError

NOTES_NAME = "notes.json"


class RenderNotes:
    """Notes in a work directory, on disk after each call. Losing them loses no frame.

    Raises UserError: DISK_FULL, NOT_WRITABLE, where they cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NOTES_NAME
        self._since = time.monotonic()
        self.seconds = 0.0
        self.warnings: tuple[str, ...] = ()
        self.diffusion: DiffusionRecord | None = None
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self.seconds, self.warnings = float(kept["seconds"]), tuple(kept["warnings"])
            if kept.get("diffusion"):
                self.diffusion = decode_diffusion_record(kept["diffusion"])
        except (FileNotFoundError, ValueError, KeyError, TypeError, UserError):
            self._write()

    def keep_warnings(self, warnings: Sequence[str]) -> None:
        """Keep what the render's preparation had to say."""
        self.warnings = tuple(warnings)
        self._write()

    def keep_record(self, record: DiffusionRecord) -> None:
        """Keep how the transformer makes this take; the latest record counts."""
        self.diffusion = record
        self._write()

    def add_time(self) -> None:
        """Add the time since the last call, or since these notes were opened."""
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now
        self._write()

    def _write(self) -> None:
        record = None if self.diffusion is None else encode_diffusion_record(self.diffusion)
        kept = {"seconds": self.seconds, "warnings": self.warnings, "diffusion": record}
        with atomic_path(self._path) as path:
            path.write_text(json.dumps(kept), encoding="utf-8")
