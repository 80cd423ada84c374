"""Prepares drafts off the GUI thread: analyses the driving clips and mixes the sound; can be told to stop."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from desktop.background.task_pool import TaskPool
from engine.draft.draft_shot import DraftShot
from engine.media.sound_mix import request_sound
from engine.protocol.errors import ErrorReport
from engine.protocol.render_request import RenderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDraft:
    """A draft that can be played: `shot` draws its frames, `sound` is float32 [samples, 2]."""

    request: RenderRequest
    shot: DraftShot
    sound: NDArray[np.float32]


class DraftLoader(QObject):
    """Prepares one draft at a time; asking for another gives up the one before."""

    draft_progressed = Signal(str, float)
    draft_prepared = Signal(object)
    draft_failed = Signal(object)

    def __init__(self, pool: TaskPool, cache_directory: Path) -> None:
        super().__init__()
        self._pool = pool
        self._cache_directory = cache_directory
        self._stop = threading.Event()
        self._task: int | None = None

    def prepare(self, request: RenderRequest) -> None:
        """Begin to prepare `request`; the answer is one of the three signals."""
        self.cancel()
        stop = self._stop = threading.Event()
        self._task = self._pool.run(
            lambda: self._prepared(request, stop), on_done=self._on_prepared, on_failed=self._on_failed
        )

    def cancel(self) -> None:
        """Give up what is being prepared."""
        self._stop.set()
        if self._task is not None:
            self._pool.forget(self._task)
            self._task = None

    def _prepared(self, request: RenderRequest, stop: threading.Event) -> PreparedDraft:
        def on_progress(phase: str, share: float) -> None:
            if not stop.is_set():
                self.draft_progressed.emit(phase, share)

        shot = DraftShot.prepare(
            request, cache_directory=self._cache_directory, on_progress=on_progress, should_stop=stop.is_set
        )
        return PreparedDraft(request=request, shot=shot, sound=request_sound(request).mix)

    def _on_prepared(self, draft: PreparedDraft) -> None:
        self._task = None
        self.draft_prepared.emit(draft)

    def _on_failed(self, report: ErrorReport) -> None:
        self._task = None
        self.draft_failed.emit(report)
