"""The open project as the window sees it: read live from the file, also when another process has written to
it.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.authoring.project_files import DEFAULT_FRAME_RATE, create_project, open_project
from desktop.authoring.scenes import scene_length_frames
from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore
from projects_db.records import (
    ChangeRecord,
    CharacterRecord,
    MediaAssetRecord,
    ProjectRecord,
    SceneRecord,
    SceneSummary,
    TakeRecord,
)

POLL_MS = 1000
PROJECT_TABLES = frozenset({"project"})
SCENE_LIST_TABLES = frozenset({"scene", "character", "take"})
MEDIA_TABLES = frozenset({"media_asset"})
TAKE_TABLES = frozenset({"take", "take_file", "scene"})


class ProjectSession(QObject):
    """Holds the store and what was last read from it; each signal says what differs from the reading before.

    `open` and `create` raise ProjectError or UserError and then leave the session as it was; what cannot be
    read later comes as `reading_failed(ProjectError)`.
    """

    project_opened = Signal()
    project_closing = Signal()
    project_closed = Signal()
    project_changed = Signal()
    scenes_changed = Signal()
    scene_chosen = Signal()
    scene_changed = Signal()
    media_changed = Signal()
    takes_changed = Signal()
    reading_failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._store: ProjectStore | None = None
        self._project: ProjectRecord | None = None
        self._scenes: tuple[SceneSummary, ...] = ()
        self._scene: SceneRecord | None = None
        self._assets: dict[str, MediaAssetRecord] = {}
        self._takes: tuple[TakeRecord, ...] = ()
        self._version = 0
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self.look_for_changes)

    @property
    def is_open(self) -> bool:
        """Whether there is a project."""
        return self._store is not None

    @property
    def store(self) -> ProjectStore:
        """The open project's store. Raises RuntimeError without one: ask `is_open` first."""
        if self._store is None:
            raise RuntimeError("no project is open")
        return self._store

    @property
    def project(self) -> ProjectRecord | None:
        """The open project."""
        return self._project

    @property
    def frame_rate(self) -> Fraction:
        """Project frames per second."""
        return self._project.frame_rate if self._project else DEFAULT_FRAME_RATE

    @property
    def scenes(self) -> tuple[SceneSummary, ...]:
        """All scenes in order."""
        return self._scenes

    @property
    def scene(self) -> SceneRecord | None:
        """The chosen scene."""
        return self._scene

    @property
    def length_frames(self) -> int:
        """The chosen scene's length in project frames; 1 without one."""
        return scene_length_frames(self._scene, self.frame_rate) if self._scene else 1

    @property
    def assets(self) -> Mapping[str, MediaAssetRecord]:
        """All media files by id, in the order they were added."""
        return self._assets

    @property
    def takes(self) -> tuple[TakeRecord, ...]:
        """All takes of the project."""
        return self._takes

    def scene_takes(self) -> tuple[TakeRecord, ...]:
        """The chosen scene's takes, the newest first."""
        if self._scene is None:
            return ()
        mine = (take for take in self._takes if take.scene_id == self._scene.id)
        return tuple(sorted(mine, key=lambda take: -take.number))

    def character(self, character_id: str | None) -> CharacterRecord | None:
        """A character of the chosen scene."""
        characters = self._scene.characters if self._scene else ()
        return next((character for character in characters if character.id == character_id), None)

    def open(self, path: Path) -> None:
        """Open a project in place of the present one."""
        self._take_over(open_project(path))

    def create(self, path: Path, *, frame_rate: Fraction = DEFAULT_FRAME_RATE) -> None:
        """Make a new project and open it."""
        self._take_over(create_project(path, frame_rate=frame_rate))

    def close(self) -> None:
        """Close the project, leaving one plain file."""
        if self._store is None:
            return
        self.project_closing.emit()
        self._poll.stop()
        self._store.close()
        self._store = self._project = self._scene = None
        self._scenes, self._assets, self._takes = (), {}, ()
        self.project_closed.emit()

    def choose_scene(self, scene_id: str | None) -> None:
        """Show another scene."""
        if scene_id == (self._scene.id if self._scene else None):
            return
        try:
            self._scene = self.store.scene(scene_id) if scene_id is not None else None
        except ProjectError as error:
            self.reading_failed.emit(error)
            return
        self.scene_chosen.emit()

    def refresh_after(self, record: ChangeRecord) -> None:
        """Read again what a change of this window can have touched; others' changes come by the poll."""
        self.refresh(frozenset(row.table for row in record.rows))

    def refresh(self, tables: frozenset[str] | None = None) -> None:
        """Read the project again, or what these tables are shown in, and tell what changed."""
        if self._store is None:
            return
        before = (self._project, self._scenes, self._scene, self._assets, self._takes)
        try:
            self._read(tables)
        except ProjectError as error:
            self.reading_failed.emit(error)
            return
        after = (self._project, self._scenes, self._scene, self._assets, self._takes)
        signals = (
            self.project_changed,
            self.scenes_changed,
            None,
            self.media_changed,
            self.takes_changed,
        )
        for old, new, signal in zip(before, after, signals, strict=True):
            if signal is not None and old != new:
                signal.emit()
        self._tell_scene(before[2])

    def look_for_changes(self) -> None:
        """Read again if another process has written to the project."""
        if self._store is None:
            return
        try:
            changed = self._store.data_version() != self._version
        except ProjectError as error:
            self._poll.stop()
            self.reading_failed.emit(error)
            return
        if changed:
            self.refresh()

    def _tell_scene(self, before: SceneRecord | None) -> None:
        if (before.id if before else None) != (self._scene.id if self._scene else None):
            self.scene_chosen.emit()
        elif before != self._scene:
            self.scene_changed.emit()

    def _take_over(self, store: ProjectStore) -> None:
        self.close()
        self._store = store
        self._read()
        self._poll.start()
        self.project_opened.emit()

    def _read(self, tables: frozenset[str] | None = None) -> None:
        store = self.store
        if tables is None:
            self._version = store.data_version()
        if tables is None or tables & PROJECT_TABLES:
            self._project = store.project()
        if tables is None or tables & SCENE_LIST_TABLES:
            self._scenes = store.scenes()
        if tables is None or tables & MEDIA_TABLES:
            self._assets = {asset.id: asset for asset in store.assets()}
        if tables is None or tables & TAKE_TABLES:
            self._takes = store.takes()
        known = [scene.id for scene in self._scenes]
        wanted = self._scene.id if self._scene and self._scene.id in known else next(iter(known), None)
        self._scene = store.scene(wanted) if wanted is not None else None
