"""What this machine can do and what is free on it, asked of a child process: this one never loads torch."""

import json
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from desktop.authoring.machine_child import PATIENCE_S, MachineChild
from engine.planning.machine import Machine
from engine.planning.machine_text import machine_from_json
from engine.protocol.errors import ErrorCode, UserError

RunChild = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]

_INTERRUPTED = 130
_KILLED = -9
_LOG_TAIL_CHARACTERS = 2000


def known_machine(*, measure: bool = False, keep: bool = True, run_child: RunChild | None = None) -> Machine:
    """Return this machine: its rates from the store, measured the first time, and what is free now.

    Takes seconds, the first time up to half a minute. `measure`: measure again what is stored; `keep`: store
    what is measured, which is too low while a render runs.
    Raises UserError with the child's own sentence, or for a child that hangs, dies or is not understood.
    """
    options = [*(["--measure"] if measure else []), *([] if keep else ["--not-kept"])]
    try:
        run = (run_child or MachineChild().run)(["machine", *options])
    except subprocess.TimeoutExpired as error:
        raise _unknown(
            f"it took longer than {PATIENCE_S:.0f} s",
            next_step="Try again when this computer is less busy; where that does not help, restart it.",
        ) from error
    except OSError as error:
        raise _unknown(
            f"no process could be started ({error.strerror or error})",
            next_step="Close other programs and try again.",
        ) from error
    if run.returncode in {_INTERRUPTED, -signal.SIGINT}:
        raise KeyboardInterrupt
    return _machine(run)


def _machine(run: subprocess.CompletedProcess[str]) -> Machine:
    """Return the machine that a child reported, or raise what stopped it."""
    answer = _last_object(run.stdout)
    try:
        if run.returncode == 0:
            return machine_from_json(answer)
        failure = _told(answer) if "message" in answer else _died(run)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise _unknown("the answer is not to be understood", log=run.stderr) from error
    raise failure


def _last_object(text: str) -> Mapping[str, Any]:
    """Return the last JSON object that was written, an empty one without any; libraries write lines too."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                return found
    return {}


def _told(answer: Mapping[str, Any]) -> UserError:
    return UserError(
        str(answer["message"]),
        next_step=str(answer["next_step"]),
        code=ErrorCode(answer["code"]),
        details={str(name): str(value) for name, value in answer["details"].items()},
    )


def _died(run: subprocess.CompletedProcess[str]) -> UserError:
    if run.returncode == _KILLED:
        return _unknown(
            "the system stopped it, most likely for want of memory",
            next_step="Close other programs and try again.",
            code=ErrorCode.OUT_OF_MEMORY,
        )
    return _unknown(f"its process ended with {run.returncode}", log=run.stderr)


def _unknown(
    why: str,
    *,
    next_step: str = "Run masque doctor; where it finds nothing, install Masque again.",
    code: ErrorCode = ErrorCode.INTERNAL,
    log: str = "",
) -> UserError:
    tail = log[-_LOG_TAIL_CHARACTERS:].strip()
    return UserError(
        f"What this machine can do could not be found out: {why}.",
        next_step=next_step,
        code=code,
        details={"log": tail} if tail else {},
    )
