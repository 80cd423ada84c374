"""The project file: made, opened, read, changed, undone and closed; frozen records in and out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from projects_db import backup, opening
from projects_db.change_log import start_logging
from projects_db.change_replay import replay, reversed_record
from projects_db.connection import ProjectConnection
from projects_db.project_change import ProjectChange
from projects_db.records import (
    ChangeRecord,
    MediaAssetRecord,
    ProjectRecord,
    RenderPresetRecord,
    SceneRecord,
    SceneSummary,
    SnapshotRecord,
    TakeRecord,
)
from projects_db.repositories import assets, presets, project, scenes, takes
from projects_db.sqlite_errors import told_to_the_user


class ProjectStore:
    """One open project, for the thread that opened it. Every method may raise ProjectError."""

    def __init__(self, project_connection: ProjectConnection) -> None:
        """Use `create` or `open`."""
        self._project_connection = project_connection
        self.path = project_connection.path

    @classmethod
    def create(cls, path: Path, *, name: str, frame_rate: Fraction) -> Self:
        """Make a new project file and open it; "project_exists" where the name is taken."""
        path = _absolute(path)
        opening.create_file(path, name, frame_rate)
        return cls(opening.open_file(path))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a project; an older one is migrated after a snapshot.

        Raises "project_missing", "project_newer", "project_damaged" (with the newest good version named),
        "project_locked", "not_writable", "disk_full", or "invalid" for what is no project.
        """
        return cls(opening.open_file(_absolute(path)))

    def close(self) -> None:
        """Close the file; the last one out leaves it a single plain file. Closing twice does nothing."""
        self._project_connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The folder of the project; paths of media are relative to it."""
        return self.path.parent

    @property
    def media_folder(self) -> Path:
        """Where imported media are copied to; made by whoever copies first."""
        return self.folder / f"{self.path.stem} media"

    @property
    def renders_folder(self) -> Path:
        """Where takes are rendered to; made by the engine."""
        return self.folder / f"{self.path.stem} renders"

    def project(self) -> ProjectRecord:
        """Return the project's name, frame rate and age."""
        with self._project_connection.reading() as connection:
            return project.get_project(connection)

    def assets(self) -> tuple[MediaAssetRecord, ...]:
        """Return all media files by name."""
        with self._project_connection.reading() as connection:
            return assets.list_assets(connection)

    def asset(self, asset_id: str) -> MediaAssetRecord:
        """Return one media file."""
        with self._project_connection.reading() as connection:
            return assets.get_asset(connection, asset_id)

    def find_asset_by_hash(self, content_hash: str) -> MediaAssetRecord | None:
        """Return a media file with this content, one that is not missing if there is one."""
        with self._project_connection.reading() as connection:
            return assets.find_asset_by_hash(connection, content_hash)

    def asset_path(self, asset: MediaAssetRecord) -> Path:
        """Return the absolute path of a media file, whether it is there or not."""
        return _absolute(self.folder / asset.relative_path)

    def scenes(self) -> tuple[SceneSummary, ...]:
        """Return all scenes in their order."""
        with self._project_connection.reading() as connection:
            return scenes.list_scenes(connection)

    def scene(self, scene_id: str) -> SceneRecord:
        """Return a scene with everything on its timeline."""
        with self._project_connection.reading() as connection:
            return scenes.get_scene(connection, scene_id)

    def scene_named(self, name_or_id: str) -> SceneRecord:
        """Return the scene with this name, else the one whose id begins so; the error lists the names."""
        with self._project_connection.reading() as connection:
            return scenes.get_scene(connection, scenes.find_scene_id(connection, name_or_id))

    def takes(self, scene_id: str | None = None) -> tuple[TakeRecord, ...]:
        """Return the takes of a scene by number, or of all scenes."""
        with self._project_connection.reading() as connection:
            return takes.list_takes(connection, scene_id)

    def take(self, take_id: str) -> TakeRecord:
        """Return one take."""
        with self._project_connection.reading() as connection:
            return takes.get_take(connection, take_id)

    def presets(self) -> tuple[RenderPresetRecord, ...]:
        """Return the render presets by name."""
        with self._project_connection.reading() as connection:
            return presets.list_presets(connection)

    @contextmanager
    def change(self, name: str) -> Iterator[ProjectChange]:
        """Edit in one transaction under a name for the user; an exception takes all of it back.

        After the with block `change.record` is what was committed. Reads of this store inside the block see
        what the change has made so far. RuntimeError inside another change.
        """
        change = ProjectChange(name, self._project_connection)
        record = None
        try:
            with self._logged_writing():
                yield change
                with told_to_the_user(self.path):
                    finished = change.finish()
            record = finished
        finally:
            change.close(record)

    def revert(self, record: ChangeRecord) -> None:
        """Take a change back, exactly; "conflict" and nothing done when its rows were changed since."""
        self._replay(reversed_record(record))

    def apply_again(self, record: ChangeRecord) -> None:
        """Make a reverted change again, exactly; "conflict" and nothing done when its rows changed since."""
        self._replay(record)

    def data_version(self) -> int:
        """Return a number that changes when someone else has written to the project."""
        return self._project_connection.data_version()

    def save_version(self, name: str) -> SnapshotRecord:
        """Keep the project as it is now under a name, beside it."""
        return backup.save_version(self._project_connection, name)

    def versions(self) -> tuple[SnapshotRecord, ...]:
        """Return the kept versions, the newest first."""
        return backup.list_versions(self.path)

    def restore_version(self, file_name: str, *, to: Path | None = None) -> None:
        """Copy a kept version to a new project file `to`, or without it make this project what it was then.

        This project as it is now is kept as a version of its own first.
        """
        if to is None:
            opening.restore_in_place(self._project_connection, file_name)
        else:
            backup.copy_version(self.path, file_name, _absolute(to))

    def _replay(self, record: ChangeRecord) -> None:
        with self._logged_writing(), told_to_the_user(self.path):
            replay(self._project_connection.driver, record)

    @contextmanager
    def _logged_writing(self) -> Iterator[None]:
        if not self._project_connection.is_writing:
            with told_to_the_user(self.path):
                start_logging(self._project_connection.driver)
        with self._project_connection.writing():
            yield


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - unlike resolve() this keeps links and drops ".."
