"""Bringing a damaged project back from its newest good version."""

from datetime import UTC, datetime
from pathlib import Path

from projects_db.backup import copy_file, newest_good_version, versions_folder
from projects_db.errors import ProjectError, invalid
from projects_db.file_checks import log_files
from projects_db.new_file import new_file
from projects_db.opening import open_file
from projects_db.records import SnapshotRecord


def recover_project(path: Path) -> SnapshotRecord:
    """Put the newest good version in the place of a damaged or lost project and return which it was.

    The damaged file is kept beside it as "<project> damaged <instant>.masque". Refused ("invalid") for a
    project that opens. Where there is no good version, or the fault is another one, the error of opening the
    project is raised.
    """
    path = path.absolute()
    fault = _fault_of(path)
    version = newest_good_version(path)
    if version is None:
        raise fault
    with new_file(path) as partial:
        copy_file(versions_folder(path) / version.file_name, partial)
        _keep_aside(path)
    return version


def _fault_of(path: Path) -> ProjectError:
    try:
        open_file(path).close()
    except ProjectError as error:
        if error.code not in ("project_damaged", "project_missing"):
            raise
        return error
    raise invalid(f"“{path.name}” is not damaged.", "Open it; its versions can be restored from there.")


def _keep_aside(path: Path) -> None:
    instant = datetime.now(UTC).strftime("%Y-%m-%d %H%M%S.%fZ")
    aside = path.with_name(f"{path.stem} damaged {instant}{path.suffix}")
    for file, kept in zip((path, *log_files(path)), (aside, *log_files(aside)), strict=True):
        if file.exists():
            file.rename(kept)
