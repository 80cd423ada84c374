"""Bringing files in: they are probed, hashed and copied in the pool, then adopted in one undoable edit."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from desktop.authoring.characters import add_character, region_from_face
from desktop.authoring.clips import (
    DrivingPlacement,
    PlacedMedia,
    VoicePlacement,
    add_driving_clip,
    add_voice_clip,
    placed_media,
)
from desktop.authoring.media_import import (
    PreparedMedia,
    adopt_found,
    adopt_media,
    check_media,
    find_missing,
    prepare_media,
)
from desktop.authoring.scenes import add_scene
from desktop.background.task_pool import TaskPool
from desktop.commands.character_edits import CharacterEdits
from desktop.commands.edit_history import EditHistory
from desktop.commands.wording import worded
from desktop.state.notices import Notice, Notices, Tone
from desktop.state.project_session import ProjectSession
from engine.draft.face_detection import FaceBox, find_faces
from engine.media.still import read_still
from engine.protocol.errors import ErrorReport, UserError
from projects_db.errors import ProjectError
from projects_db.project_change import ProjectChange
from projects_db.records import MediaAssetRecord, MediaKind, RegionBox

Result = TypeVar("Result")


class Imports(QObject):
    """Imports files and places them. `busy_changed` tells how many are on their way."""

    busy_changed = Signal(int)
    scene_added = Signal(str)

    def __init__(
        self, session: ProjectSession, history: EditHistory, pool: TaskPool, *, notices: Notices
    ) -> None:
        super().__init__()
        self._session = session
        self._history = history
        self._pool = pool
        self._notices = notices
        self._characters = CharacterEdits(session, history)
        self._busy = 0

    @property
    def busy(self) -> int:
        """How many files are on their way."""
        return self._busy

    def add_scenes(self, paths: list[Path]) -> None:
        """Make a scene of each still."""
        for path in paths:
            self._prepare_scene(path)

    def add_media(self, paths: list[Path]) -> None:
        """Add files to the project's media."""
        for path in paths:
            self._prepare(path, self._adopt_media)

    def place_files(self, character_id: str, paths: list[Path], start_frame: int) -> None:
        """Put videos and sounds on a character's track at `start_frame`."""
        for path in paths:
            self._prepare(path, lambda prepared: self._place(character_id, prepared, start_frame))

    def place_asset(self, character_id: str, asset: MediaAssetRecord, start_frame: int) -> None:
        """Put media of the project on a character's track."""
        duration_s = asset.probe.duration_s or Fraction(0)
        media = PlacedMedia(asset_id=asset.id, name=asset.name, duration_s=duration_s)
        if asset.kind is MediaKind.IMAGE:
            self._notices.failed(_not_placeable(asset.name))
            return
        is_voice = asset.kind is MediaKind.AUDIO
        name = worded("Add voice") if is_voice else worded("Add driving clip")
        self._history.perform(
            name, lambda change: self._add_clip(change, character_id, media, start_frame, is_voice=is_voice)
        )

    def find_characters(self) -> None:
        """Look for faces on the plate and add a character for each that has none yet."""
        scene = self._session.scene
        if scene is None:
            return
        path = self._session.store.asset_path(scene.plate)

        def adopt(faces: tuple[FaceBox, ...]) -> None:
            if self._session.scene is not None and self._session.scene.id == scene.id:
                self._add_found(faces)

        self._run(lambda: find_faces(read_still(path).bgr), adopt)

    def relink(self, folder: Path) -> None:
        """Find missing media below a folder by their content; what is found is one edit."""
        if not self._session.is_open:
            return
        try:
            missing = check_media(self._session.store)
        except ProjectError as error:
            self._notices.failed(error)
            return
        self._session.refresh()
        self._run(lambda: find_missing(missing, folder), self._adopt_relinked)

    def _adopt_relinked(self, found: dict[str, Path]) -> None:
        store = self._session.store

        def edit(change: ProjectChange) -> int:
            adopt_found(store, change, found)
            return len(found)

        if found and self._history.perform(worded("Find missing media"), edit) is None:
            return
        message = self.tr("%d missing files were found.") % len(found)
        if len(found) < 2:
            message = self.tr("1 missing file was found.") if found else self.tr("No missing file is there.")
        self._notices.show(Notice(tone=Tone.NEWS, message=message))

    def _add_found(self, faces: tuple[FaceBox, ...]) -> None:
        scene = self._session.scene
        taken = [character.region.keys[0].box for character in scene.characters] if scene else []
        regions = [region_from_face(face) for face in faces]
        new = [
            region for region in regions if not any(_centre_inside(region.keys[0].box, box) for box in taken)
        ]
        self._characters.add_found(new)
        if not new:
            message = self.tr("No face was found on the plate.")
            if faces:
                message = self.tr("Every face that was found has a character already.")
            self._notices.show(
                Notice(
                    tone=Tone.NEWS, message=message, next_step=self.tr("Draw a region around a face by hand.")
                )
            )

    def _prepare(self, path: Path, adopt: Callable[[PreparedMedia], None]) -> None:
        store = self._session.store
        folder, media_folder = store.folder, store.media_folder
        self._run(lambda: prepare_media(path, project_folder=folder, media_folder=media_folder), adopt)

    def _run(self, work: Callable[[], Result], adopt: Callable[[Result], None]) -> None:
        """Do `work` in the pool; what comes back is adopted if the project is still the same one."""
        store = self._session.store
        self._set_busy(1)

        def done(result: Result) -> None:
            self._set_busy(-1)
            if self._session.is_open and self._session.store is store:
                adopt(result)

        self._pool.run(work, on_done=done, on_failed=self._on_failed)

    def _prepare_scene(self, path: Path) -> None:
        store = self._session.store
        folder, media_folder = store.folder, store.media_folder

        def work() -> tuple[PreparedMedia, tuple[FaceBox, ...]]:
            prepared = prepare_media(path, project_folder=folder, media_folder=media_folder)
            is_still = prepared.kind is MediaKind.IMAGE
            return prepared, find_faces(read_still(prepared.file_path).bgr) if is_still else ()

        self._run(work, lambda found: self._adopt_scene(*found))

    def _adopt_scene(self, prepared: PreparedMedia, faces: tuple[FaceBox, ...]) -> None:
        store = self._session.store

        def edit(change: ProjectChange) -> str:
            scene_id = add_scene(store, change, prepared)
            for number, face in enumerate(faces, start=1):
                name = f"{worded('Character')} {number}"
                add_character(change, store.scene(scene_id), name, region_from_face(face))
            return scene_id

        scene_id = self._history.perform(worded("Add scene"), edit)
        if scene_id is not None:
            self._session.choose_scene(scene_id)
            self.scene_added.emit(scene_id)

    def _adopt_media(self, prepared: PreparedMedia) -> None:
        self._history.perform(
            worded("Add media"), lambda change: adopt_media(self._session.store, change, prepared)
        )

    def _place(self, character_id: str, prepared: PreparedMedia, start_frame: int) -> None:
        if prepared.kind is MediaKind.IMAGE:
            self._notices.failed(_not_placeable(prepared.name))
            return
        is_voice = prepared.kind is MediaKind.AUDIO

        def edit(change: ProjectChange) -> None:
            media = placed_media(adopt_media(self._session.store, change, prepared), prepared)
            self._add_clip(change, character_id, media, start_frame, is_voice=is_voice)

        self._history.perform(worded("Add voice") if is_voice else worded("Add driving clip"), edit)

    def _add_clip(
        self,
        change: ProjectChange,
        character_id: str,
        media: PlacedMedia,
        start_frame: int,
        *,
        is_voice: bool,
    ) -> None:
        if is_voice:
            add_voice_clip(change, character_id, media, VoicePlacement(start_frame=start_frame))
        else:
            placement = DrivingPlacement(start_frame=start_frame)
            add_driving_clip(change, character_id, media, placement, frame_rate=self._session.frame_rate)

    def _on_failed(self, report: ErrorReport) -> None:
        self._set_busy(-1)
        self._notices.trouble(report)

    def _set_busy(self, by: int) -> None:
        self._busy += by
        self.busy_changed.emit(self._busy)


def _not_placeable(name: str) -> UserError:
    return UserError(
        f"“{name}” is a still picture, so it cannot drive a face.",
        next_step="Drop it on the scene list to make a scene, or choose a video or a sound.",
    )


def _centre_inside(found: RegionBox, box: RegionBox) -> bool:
    x, y = found.x + found.width / 2, found.y + found.height / 2
    return box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height
