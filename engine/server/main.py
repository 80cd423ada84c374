"""The engine's command line: run it, or start it in the background."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from engine.client_address import find_address
from engine.client_start import ALREADY_RUNNING_EXIT, start_detached
from engine.locations import EngineLocations, engine_locations
from engine.planning.memory_limit import device_memory_limit
from engine.protocol.errors import ErrorCode, UserError
from engine.server.settings import DEFAULT_IDLE_EXIT_S, IDLE_EXIT_VARIABLE, ServerSettings

_LISTENS_WITHIN_S = 30.0
_LOCK_PATIENCE_S = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the engine, or start it detached. Returns the exit code; what went wrong is on standard error."""
    parser = argparse.ArgumentParser(prog="python -m engine.server", description=__doc__)
    parser.add_argument("--detach", action="store_true", help="start the engine in the background and return")
    parser.add_argument("--idle-exit-s", type=float, default=_idle_exit_from_environment())
    parser.add_argument("--lock-patience-s", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        locations = engine_locations()
        device_memory_limit()  # no engine that every render would fail in
        if options.detach:
            return _detach(locations, options.idle_exit_s)
        from engine.server.engine_process import run_engine  # whoever only starts it needs nothing of it

        settings = ServerSettings(idle_exit_s=options.idle_exit_s)
        return run_engine(locations, settings, lock_patience_s=options.lock_patience_s)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's standard error
        already = error.report.code is ErrorCode.ENGINE_ALREADY_RUNNING
        return ALREADY_RUNNING_EXIT if already else 1


def _idle_exit_from_environment() -> float:
    try:
        return float(os.environ.get(IDLE_EXIT_VARIABLE, DEFAULT_IDLE_EXIT_S))
    except ValueError:
        return DEFAULT_IDLE_EXIT_S


def _detach(locations: EngineLocations, idle_exit_s: float) -> int:
    """Start the engine in a session of its own; return when it listens, or its exit code when it does not."""
    command = [sys.executable, "-m", "engine.server", "--idle-exit-s", str(idle_exit_s)]
    process = start_detached([*command, "--lock-patience-s", str(_LOCK_PATIENCE_S)])
    until = time.monotonic() + _LISTENS_WITHIN_S
    while time.monotonic() < until:
        address = find_address(locations)
        if address is not None and address.process_id == process.pid:
            return 0
        try:
            return process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    return 1
