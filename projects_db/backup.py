"""Named versions of a project: whole copies made by SQLite, in the folder "<project> versions" beside it.

A version's file carries the instant it was made (UTC) and its name, with the characters that file systems
refuse written as in web addresses; so the folder alone tells all there is to know.
"""

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from projects_db import sqlite_errors
from projects_db.connection import BUSY_TIMEOUT_S, ProjectConnection, connect_driver
from projects_db.errors import ProjectError, invalid
from projects_db.file_checks import check_file, check_writable
from projects_db.new_file import new_file, remove_leftovers
from projects_db.records import SnapshotRecord
from projects_db.schema import driver_revision, is_intact, is_known, is_ours
from projects_db.validation import check_name

_INSTANT = "%Y-%m-%d %H%M%S.%fZ"
_FILE_NAME = re.compile(r"(\d{4}-\d\d-\d\d \d{6}\.\d{6}Z) (.+)", re.DOTALL)
_REFUSED_BY_FILE_SYSTEMS = re.compile(r'[%<>:"/\\|?*]')
_LONGEST_FILE_NAME_BYTES = 240
_SUFFIX = ".masque"


def versions_folder(path: Path) -> Path:
    """Return where the versions of the project at `path` are kept."""
    return path.parent / f"{path.stem} versions"


def save_version(project_connection: ProjectConnection, name: str) -> SnapshotRecord:
    """Keep the project as it is now; RuntimeError inside a change."""
    if project_connection.is_writing:
        raise RuntimeError("A change is under way; finish it before saving a version")
    check_name(name, "version")
    path = project_connection.path
    made_at = datetime.now(UTC)
    final = versions_folder(path) / _file_name(made_at, name)
    _make_folder(final.parent, path)
    with new_file(final) as partial, project_connection.reading():
        # Reading one value first waits for others as long as every read does; the copy itself would not.
        project_connection.driver.execute("SELECT count(*) FROM project").fetchone()
        with sqlite_errors.told_to_the_user(path):
            _copy_database(project_connection.driver, partial)
    return _record(final)


def list_versions(path: Path) -> tuple[SnapshotRecord, ...]:
    """Return the versions of the project at `path`, the newest first, whether they are good or not."""
    folder = versions_folder(path)
    try:
        files = [file for file in folder.glob(f"*{_SUFFIX}") if file.is_file()]
        records = [_record(file) for file in files]
    except OSError as error:
        raise sqlite_errors.not_writable(folder) from error
    return tuple(sorted(records, key=lambda version: (version.created_at, version.file_name), reverse=True))


def newest_good_version(path: Path) -> SnapshotRecord | None:
    """Return the newest version that opens and is whole, or None."""
    folder = versions_folder(path)
    return next((version for version in list_versions(path) if is_good(folder / version.file_name)), None)


def is_good(version: Path) -> bool:
    """Tell whether a version opens, is whole, and has a schema this Masque knows."""
    try:
        check_file(version)
        with closing(connect_driver(version)) as driver:
            return is_ours(driver) and is_intact(driver) and is_known(driver_revision(driver))
    except (ProjectError, sqlite3.Error, UnicodeDecodeError):
        return False


def good_version_path(path: Path, file_name: str) -> Path:
    """Return the path of a version; "not_found" where there is none, "project_damaged" where it is broken."""
    version = versions_folder(path) / file_name
    if Path(file_name).name != file_name or not version.is_file():
        raise ProjectError(
            f"“{path.name}” has no version “{file_name}”.",
            next_step="Look at the list of versions and choose one of them.",
            code="not_found",
        )
    if not is_good(version):
        raise sqlite_errors.damaged(version, "Choose another version.")
    return version


def copy_version(path: Path, file_name: str, to: Path) -> None:
    """Copy a version to a new project file; "project_exists" where the name is taken."""
    version = good_version_path(path, file_name)
    with new_file(to) as partial:
        copy_file(version, partial)


def copy_file(version: Path, target: Path) -> None:
    """Copy a version; through SQLite, for it may be open as a project of its own."""
    with sqlite_errors.told_to_the_user(version), closing(connect_driver(version)) as driver:
        _copy_database(driver, target)


def _copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy what `source` reads into a new file that needs no log beside it."""
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()


def overwrite_database(source: sqlite3.Connection, project_connection: ProjectConnection) -> None:
    """Make the open project what `source` is, in one transaction; "project_locked" after a long wait."""
    with sqlite_errors.told_to_the_user(project_connection.path):
        source.backup(project_connection.driver, progress=_give_up_after_a_while(project_connection.path))


def _give_up_after_a_while(path: Path) -> Callable[[int, int, int], None]:
    deadline = time.monotonic() + BUSY_TIMEOUT_S

    def on_progress(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise sqlite_errors.locked(path)

    return on_progress


def _file_name(made_at: datetime, name: str) -> str:
    written = _REFUSED_BY_FILE_SYSTEMS.sub(lambda found: f"%{ord(found[0]):02X}", name)
    file_name = f"{made_at.strftime(_INSTANT)} {written}{_SUFFIX}"
    if len(file_name.encode()) > _LONGEST_FILE_NAME_BYTES:
        raise invalid("The name of the version is too long for a file.", "Choose a shorter name.")
    return file_name


def _record(file: Path) -> SnapshotRecord:
    status = file.stat()
    made_at, name = datetime.fromtimestamp(status.st_mtime, UTC), file.stem
    if found := _FILE_NAME.fullmatch(file.stem):
        try:
            made_at = datetime.strptime(found[1], _INSTANT).replace(tzinfo=UTC)
            name = unquote(found[2])
        except ValueError:
            name = file.stem
    return SnapshotRecord(name=name, file_name=file.name, created_at=made_at, size_bytes=status.st_size)


def _make_folder(folder: Path, path: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        check_writable(folder / path.name)
        remove_leftovers(folder)
    except OSError as error:
        raise sqlite_errors.disk_full_or_not_writable(folder, error) from error
