"""The model bundles on this machine as the window knows them; the list is read in the pool."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop.background.task_pool import TaskPool
from engine.bundles.installed_bundle import InstalledBundle
from engine.bundles.registry import installed_bundles
from engine.protocol.errors import ErrorReport


class BundleShelf(QObject):
    """What was found when last looked. `bundles_changed` comes when that differs from before."""

    bundles_changed = Signal()

    def __init__(self, pool: TaskPool, data: Path) -> None:
        super().__init__()
        self._pool = pool
        self._data = data
        self._bundles: tuple[InstalledBundle, ...] = ()
        self._trouble: ErrorReport | None = None
        self._task: int | None = None

    @property
    def bundles(self) -> tuple[InstalledBundle, ...]:
        """The installed bundles by name."""
        return self._bundles

    @property
    def trouble(self) -> ErrorReport | None:
        """Why the list could not be read."""
        return self._trouble

    def look(self) -> None:
        """Read the list again; somebody may have added a bundle on the command line."""
        if self._task is None:
            self._task = self._pool.run(
                lambda: installed_bundles(self._data),
                on_done=lambda found: self._on_read(found, None),
                on_failed=lambda report: self._on_read((), report),
            )

    def _on_read(self, bundles: tuple[InstalledBundle, ...], trouble: ErrorReport | None) -> None:
        self._task = None
        if (bundles, trouble) != (self._bundles, self._trouble):
            self._bundles, self._trouble = bundles, trouble
            self.bundles_changed.emit()
