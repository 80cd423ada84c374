"""Where the engine keeps its files on this machine, for this user."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.protocol.errors import ErrorCode, UserError

HOME_VARIABLE = "MASQUE_HOME"
_APPLICATION = "masque"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLocations:
    """The engine's directories: what must last, what can be made again, logs, what lives with the process."""

    data: Path
    cache: Path
    log: Path
    runtime: Path

    @property
    def queue_database(self) -> Path:
        """The durable queue."""
        return self.data / "queue.sqlite3"

    @property
    def lock_file(self) -> Path:
        """Held by the one engine that runs on this data; says where its runtime file is."""
        return self.data / "engine.lock"

    @property
    def runtime_file(self) -> Path:
        """Where a running engine can be reached, with the token."""
        return self.runtime / "engine.json"

    @property
    def work(self) -> Path:
        """Holds one directory of finished frames per job."""
        return self.data / "work"

    def work_directory(self, job_id: str) -> Path:
        """Return where a job's finished frames are kept."""
        return self.work / job_id


def engine_locations() -> EngineLocations:
    """Return the engine's directories, made if needed and readable by this user alone.

    MASQUE_HOME puts all of them under one directory (for portable use). Raises UserError where a directory
    cannot be made or belongs to somebody else.
    """
    home = _home()
    locations = _of_this_user() if home is None else _under(home)
    for directory in (locations.data, locations.cache, locations.log, locations.runtime, locations.work):
        _make_private(directory)
    return locations


def child_environment() -> dict[str, str]:
    """Return this process's environment for a child that runs in another directory.

    A relative MASQUE_HOME means the same place there as here.
    """
    home = _home()
    return dict(os.environ) if home is None else {**os.environ, HOME_VARIABLE: str(home)}


def _home() -> Path | None:
    home = os.environ.get(HOME_VARIABLE)
    return Path(home).expanduser().absolute() if home else None


def _under(home: Path) -> EngineLocations:
    return EngineLocations(
        data=home / "data", cache=home / "cache", log=home / "log", runtime=home / "runtime"
    )


def _of_this_user() -> EngineLocations:
    directories = platformdirs.PlatformDirs(_APPLICATION, appauthor=False)
    return EngineLocations(
        data=directories.user_data_path,
        cache=directories.user_cache_path,
        log=directories.user_log_path,
        runtime=_runtime_directory(directories),
    )


def _runtime_directory(directories: platformdirs.PlatformDirs) -> Path:
    """Return the runtime directory; beside the data where a Linux session has none (ssh, sudo, cron)."""
    if sys.platform == "linux" and not Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere").is_dir():
        return directories.user_data_path / "runtime"
    return directories.user_runtime_path


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            if directory.stat().st_uid != os.getuid():
                raise UserError(
                    f"The folder {directory} belongs to another user.",
                    next_step=f"Remove it, or point {HOME_VARIABLE} to a folder of your own.",
                    code=ErrorCode.NOT_WRITABLE,
                )
            directory.chmod(0o700)
    except OSError as error:
        raise UserError(
            f"The folder {directory} cannot be made: {error.strerror or error}.",
            next_step=f"Make it writable, or point {HOME_VARIABLE} to a folder of your own.",
            code=ErrorCode.NOT_WRITABLE,
        ) from error
