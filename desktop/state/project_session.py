"""The open project as the window sees it: read live from the file, whoever has written to it."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What was read from a store at one time."""

    project: ProjectRecord
    scenes: tuple[SceneSummary, ...] = ()
    scene: SceneRecord | None = None
    assets: Mapping[str, MediaAssetRecord] = field(default_factory=dict)
    takes: tuple[TakeRecord, ...] = ()


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
        self._reading: _Reading | None = None
        self._version: int | None = None
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
        return self._reading.project if self._reading else None

    @property
    def frame_rate(self) -> Fraction:
        """Project frames per second."""
        return self._reading.project.frame_rate if self._reading else DEFAULT_FRAME_RATE

    @property
    def scenes(self) -> tuple[SceneSummary, ...]:
        """All scenes in order."""
        return self._reading.scenes if self._reading else ()

    @property
    def scene(self) -> SceneRecord | None:
        """The chosen scene."""
        return self._reading.scene if self._reading else None

    @property
    def length_frames(self) -> int:
        """The chosen scene's length in project frames; 1 without one."""
        return scene_length_frames(self.scene, self.frame_rate) if self.scene else 1

    @property
    def assets(self) -> Mapping[str, MediaAssetRecord]:
        """All media files by id, in the order they were added."""
        return self._reading.assets if self._reading else {}

    @property
    def takes(self) -> tuple[TakeRecord, ...]:
        """All takes of the project."""
        return self._reading.takes if self._reading else ()

    def scene_takes(self) -> tuple[TakeRecord, ...]:
        """The chosen scene's takes, the newest first."""
        scene = self.scene
        if scene is None:
            return ()
        mine = (take for take in self.takes if take.scene_id == scene.id)
        return tuple(sorted(mine, key=lambda take: -take.number))

    def character(self, character_id: str | None) -> CharacterRecord | None:
        """A character of the chosen scene."""
        characters = self.scene.characters if self.scene else ()
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
        self._store = self._reading = None
        self.project_closed.emit()

    def choose_scene(self, scene_id: str | None) -> None:
        """Show another scene."""
        if self._reading is None or scene_id == (self.scene.id if self.scene else None):
            return
        try:
            scene = self.store.scene(scene_id) if scene_id is not None else None
        except ProjectError as error:
            self.reading_failed.emit(error)
            return
        self._reading = replace(self._reading, scene=scene)
        self.scene_chosen.emit()

    def refresh_after(self, record: ChangeRecord) -> None:
        """Read again what a change of this window can have touched; others' changes come by the poll."""
        self.refresh(frozenset(row.table for row in record.rows))

    def refresh(self, tables: frozenset[str] | None = None) -> None:
        """Read the project again, or what these tables are shown in, and tell what changed."""
        if self._store is None or self._reading is None:
            return
        before = self._reading
        try:
            if tables is None:
                self._version = self._store.data_version()
            after = self._reading = _read_again(self._store, before, tables)
        except ProjectError as error:
            if error.code == "project_locked":
                self._version = None
            self.reading_failed.emit(error)
            return
        for changed, signal in (
            (before.project != after.project, self.project_changed),
            (before.scenes != after.scenes, self.scenes_changed),
            (before.assets != after.assets, self.media_changed),
            (before.takes != after.takes, self.takes_changed),
        ):
            if changed:
                signal.emit()
        self._tell_scene(before.scene, after.scene)

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

    def _tell_scene(self, before: SceneRecord | None, after: SceneRecord | None) -> None:
        if (before.id if before else None) != (after.id if after else None):
            self.scene_chosen.emit()
        elif before != after:
            self.scene_changed.emit()

    def _take_over(self, store: ProjectStore) -> None:
        """Put `store` in place of the present one once all of it could be read; else close it again."""
        with ExitStack() as unread:
            unread.callback(store.close)
            version, reading = store.data_version(), _read(store)
            unread.pop_all()
        self.close()
        self._store, self._version, self._reading = store, version, reading
        self._poll.start()
        self.project_opened.emit()


def _read(store: ProjectStore) -> _Reading:
    return _read_again(store, _Reading(project=store.project()), None)


def _read_again(store: ProjectStore, before: _Reading, tables: frozenset[str] | None) -> _Reading:
    """Return `before` with what `tables` are shown in read again, everything for None."""

    def touches(shown: frozenset[str]) -> bool:
        return tables is None or bool(tables & shown)

    scenes = store.scenes() if touches(SCENE_LIST_TABLES) else before.scenes
    known = [scene.id for scene in scenes]
    chosen = before.scene.id if before.scene and before.scene.id in known else next(iter(known), None)
    return _Reading(
        project=store.project() if touches(PROJECT_TABLES) else before.project,
        scenes=scenes,
        scene=store.scene(chosen) if chosen is not None else None,
        assets={asset.id: asset for asset in store.assets()} if touches(MEDIA_TABLES) else before.assets,
        takes=store.takes() if touches(TAKE_TABLES) else before.takes,
    )
