"""Thumbnails, strips and waveforms of the project's media, made in the pool when someone first looks."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop.background.media_art import MediaArt, sound_art, still_thumbnail, video_art
from desktop.background.task_pool import TaskPool
from desktop.state.project_session import ProjectSession
from engine.protocol.errors import ErrorReport
from projects_db.records import MediaAssetRecord, MediaKind


class MediaLooks(QObject):
    """Looks by asset id. What cannot be read looks like nothing; the reason is told when it is used."""

    looks_changed = Signal(str)

    def __init__(self, session: ProjectSession, pool: TaskPool) -> None:
        super().__init__()
        self._session = session
        self._pool = pool
        self._known: dict[str, MediaArt] = {}
        self._tasks: dict[str, int] = {}
        session.project_closed.connect(self._on_project_closed)

    def art(self, asset: MediaAssetRecord) -> MediaArt | None:
        """Return what a file looks like; None until it is known, `looks_changed` comes then."""
        key = asset.content_hash
        if key not in self._known and key not in self._tasks and self._session.is_open:
            path = self._session.store.asset_path(asset)
            self._tasks[key] = self._pool.run(
                lambda: _looks(path, asset.kind),
                on_done=lambda art: self._on_done(key, asset.id, art),
                on_failed=lambda report: self._on_failed(key, asset.id, report),
            )
        return self._known.get(key)

    def _on_done(self, key: str, asset_id: str, art: MediaArt) -> None:
        self._tasks.pop(key, None)
        self._known[key] = art
        self.looks_changed.emit(asset_id)

    def _on_failed(self, key: str, asset_id: str, report: ErrorReport) -> None:
        del report  # told when the file is used; a list of thumbnails is no place for it
        self._on_done(key, asset_id, MediaArt())

    def _on_project_closed(self) -> None:
        for task in self._tasks.values():
            self._pool.forget(task)
        self._tasks.clear()
        self._known.clear()


def _looks(path: Path, kind: MediaKind) -> MediaArt:
    if kind is MediaKind.IMAGE:
        return MediaArt(thumbnail=still_thumbnail(path))
    return video_art(path) if kind is MediaKind.VIDEO else sound_art(path)
