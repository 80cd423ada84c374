"""How a project file is made, and opened: checked, brought to the newest schema, or refused with reasons."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from projects_db import backup, migrator, schema, sqlite_errors
from projects_db.connection import BUSY_TIMEOUT_S, ProjectConnection, connection_source
from projects_db.errors import ProjectError
from projects_db.file_checks import check_file
from projects_db.new_file import exists_already, new_file
from projects_db.records import SnapshotRecord
from projects_db.repositories.project import insert_project
from projects_db.validation import check_frame_rate, check_name


def create_file(path: Path, name: str, frame_rate: Fraction) -> None:
    """Make a new project file; it appears under its name only when it is whole."""
    check_name(name, "project")
    check_frame_rate(frame_rate)
    if not path.parent.is_dir():
        raise ProjectError(
            f"There is no folder {path.parent} to put “{path.name}” into.",
            next_step="Make the folder first, or choose another one.",
            code="not_found",
        )
    if path.exists():
        raise exists_already(path)
    with new_file(path) as partial, sqlite_errors.told_to_the_user(path):
        partial.touch()
        with connection_source(partial).connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            schema.create_schema(connection)
            insert_project(connection, name, frame_rate)
            connection.exec_driver_sql("COMMIT")


def open_file(path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> ProjectConnection:
    """Open a project file; raises the ProjectErrors `ProjectStore.open` names."""
    try:
        check_file(path)
        project_connection = ProjectConnection(path, busy_timeout_s=busy_timeout_s)
        try:
            _prepare(project_connection)
        except BaseException:
            project_connection.abandon()
            raise
    except ProjectError as error:
        if error.code in ("project_damaged", "project_missing"):
            raise _with_newest_version(path, error) from error
        raise
    return project_connection


def restore_in_place(project_connection: ProjectConnection, file_name: str) -> None:
    """Make the open project what one of its versions was; as it is now, it becomes a version first."""
    path = project_connection.path
    version = backup.good_version_path(path, file_name)
    name = next(kept.name for kept in backup.list_versions(path) if kept.file_name == file_name)
    backup.save_version(project_connection, f"Before restoring {name}"[:150].rstrip())
    with _temporary_folder(path) as folder:
        copy = folder / path.name
        backup.copy_file(version, copy)
        restored = ProjectConnection(copy)
        try:
            _check_and_migrate(restored, keep_version=False)
            backup.overwrite_database(restored.driver, project_connection)
        finally:
            restored.close()


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    try:
        with TemporaryDirectory(dir=path.parent, prefix=".restoring ") as folder:
            yield Path(folder)
    except OSError as error:
        raise sqlite_errors.disk_full_or_not_writable(path, error) from error


def _prepare(project_connection: ProjectConnection) -> None:
    _check_and_migrate(project_connection, keep_version=True)
    project_connection.use_write_ahead_log()


def _check_and_migrate(project_connection: ProjectConnection, *, keep_version: bool) -> None:
    path, driver = project_connection.path, project_connection.driver
    with _faults_are_damage(path):
        if not schema.is_ours(driver):
            raise _of_another_program(path)
        revision = schema.driver_revision(driver) if schema.is_intact(driver) else None
    if revision is None:
        raise sqlite_errors.damaged(path)
    if not schema.is_known(revision):
        raise _newer(path, revision)
    if revision != schema.newest_revision():
        if keep_version:
            backup.save_version(project_connection, f"Before the update to schema {schema.newest_revision()}")
        migrator.migrate(project_connection)
    with _faults_are_damage(path):
        if not schema.has_tables(driver):
            raise sqlite_errors.damaged(path)


@contextmanager
def _faults_are_damage(path: Path) -> Iterator[None]:
    """Say that the file is damaged where SQLite cannot make sense of it: nothing else can be wrong here."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise sqlite_errors.project_error(path, error) or sqlite_errors.damaged(path) from error


def _of_another_program(path: Path) -> ProjectError:
    return ProjectError(
        f"“{path.name}” is a database of another program, not a Masque project.",
        next_step="Choose a .masque file.",
        code="invalid",
    )


def _newer(path: Path, revision: str) -> ProjectError:
    return ProjectError(
        f"“{path.name}” was made by a newer Masque: its schema is {revision}, "
        f"and this Masque knows schemas up to {schema.newest_revision()}.",
        next_step="Update Masque and open it again; the file was not touched.",
        code="project_newer",
    )


def _with_newest_version(path: Path, error: ProjectError) -> ProjectError:
    version = backup.newest_good_version(path)
    if version is not None:
        next_step = f"Recover {_described(version)}; the damaged file is kept beside it."
    elif error.code == "project_damaged":
        next_step = "It has no saved version: check that it is a Masque project, or copy it from a backup."
    else:
        return error
    return ProjectError(error.message, next_step=next_step, code=error.code)


def _described(version: SnapshotRecord) -> str:
    return f"its version “{version.name}” of {version.created_at:%d %B %Y, %H:%M} UTC ({version.file_name})"
