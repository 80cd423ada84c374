"""Starting the engine so that it outlives whoever starts it."""

import asyncio
import subprocess
import sys
from pathlib import Path

from engine.locations import EngineLocations, child_environment
from engine.planning.memory_limit import device_memory_limit
from engine.protocol.errors import ErrorCode, UserError

SERVER_MODULE = "engine.server"
ALREADY_RUNNING_EXIT = 3
_LAUNCH_TIMEOUT_S = 40.0
_DETACHED_ON_WINDOWS = 0x00000008 | 0x00000200  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP


async def launch_server(locations: EngineLocations) -> None:
    """Start the engine detached and return when it listens. Two starters at once are safe: one engine lives.

    `python -m engine.server --detach` starts the lasting process in a session of its own, waits until it
    listens and ends: the engine is nobody's child. Raises UserError: ENGINE_UNREACHABLE with what the engine
    said, BAD_INPUT for a limit of the device's memory that is no size.
    """
    device_memory_limit()
    await asyncio.to_thread(_launch, locations)


def _launch(locations: EngineLocations) -> None:
    command = [sys.executable, "-m", SERVER_MODULE, "--detach"]
    try:
        with start_log(locations).open("wb") as log:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=source_root(),
                env=child_environment(),
                timeout=_LAUNCH_TIMEOUT_S,
                check=False,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise not_started(locations) from error
    if ended.returncode not in (0, ALREADY_RUNNING_EXIT):
        raise not_started(locations)


def start_detached(command: list[str]) -> "subprocess.Popen[bytes]":
    """Start a process that goes on when its starter, its terminal or its session ends."""
    flags = _DETACHED_ON_WINDOWS if sys.platform == "win32" else 0
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        cwd=source_root(),
        env=child_environment(),
        start_new_session=True,
        creationflags=flags,
    )


def source_root() -> Path:
    """Return the folder that holds the `engine` package: where `python -m` finds it, installed or not."""
    return Path(__file__).resolve().parents[1]


def start_log(locations: EngineLocations) -> Path:
    """Return where an engine writes what it says before its own log is open."""
    return locations.log / "engine-start.log"


def not_started(locations: EngineLocations) -> UserError:
    """Return the error for an engine that was started and does not answer, with the last line it said."""
    said = _last_line(start_log(locations))
    return UserError(
        f"The engine could not be started: {said}" if said else "The engine could not be started.",
        next_step=f"Look into {start_log(locations)} and {locations.log / 'engine.log'}.",
        code=ErrorCode.ENGINE_UNREACHABLE,
    )


def not_running() -> UserError:
    """Return the error for an engine that is not running where it should not be started either."""
    return UserError(
        "The engine is not running.",
        next_step="Start it with “masque engine start”.",
        code=ErrorCode.ENGINE_UNREACHABLE,
    )


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""
