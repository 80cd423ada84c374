"""Making and opening project files."""

from fractions import Fraction
from pathlib import Path

from engine.protocol.errors import UserError
from projects_db.project_store import ProjectStore

PROJECT_SUFFIX = ".masque"
_DATABASE_BEGINS = b"SQLite format 3\0"
DEFAULT_FRAME_RATE = Fraction(24)


def create_project(path: Path, *, frame_rate: Fraction = DEFAULT_FRAME_RATE) -> ProjectStore:
    """Make an empty project file and open it; `.masque` is added to a name without it.

    Raises ProjectError when the file exists or its folder cannot be written, UserError for another suffix.
    """
    path = with_suffix(path)
    return ProjectStore.create(path, name=path.stem, frame_rate=frame_rate)


def open_project(path: Path) -> ProjectStore:
    """Open a project file; `.masque` may be left out.

    Raises ProjectError as `ProjectStore.open` does, UserError for another kind of file.
    """
    if not path.exists():
        return ProjectStore.open(with_suffix(path))
    if path.suffix != PROJECT_SUFFIX and path.is_file() and not _is_database(path):
        raise UserError(
            f"“{path.name}” is no Masque project.", next_step=f"Choose a file that ends in {PROJECT_SUFFIX}."
        )
    return ProjectStore.open(path)


def _is_database(path: Path) -> bool:
    """Whether a file may be a project under another name; one that cannot be read is left to the store."""
    try:
        with path.open("rb") as file:
            return file.read(len(_DATABASE_BEGINS)) == _DATABASE_BEGINS
    except OSError:
        return True


def with_suffix(path: Path) -> Path:
    """Return the project file's absolute path. Raises UserError for a name with another suffix."""
    path = path.expanduser().absolute()
    if path.suffix == PROJECT_SUFFIX:
        return path
    if path.suffix and len(path.suffix) <= 5 and not path.suffix[1:].isdigit():
        raise UserError(
            f"“{path.name}” is not a name for a project.",
            next_step=f"Projects end in {PROJECT_SUFFIX}: try “{path.stem}{PROJECT_SUFFIX}”.",
        )
    return path.with_name(path.name + PROJECT_SUFFIX)
