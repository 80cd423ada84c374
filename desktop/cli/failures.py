"""How a command fails: a sentence for a person or an object for a script, an exit code, never a traceback."""

import json
import sys
import tempfile
import traceback
from enum import IntEnum
from pathlib import Path

from engine.protocol.errors import UserError
from projects_db.errors import ProjectError


class ExitCode(IntEnum):
    """What the process returns."""

    DONE = 0
    USER_ERROR = 1
    WRONG_USAGE = 2
    RENDER_FAILED = 3
    DOES_NOT_FIT = 4
    BUG = 70
    INTERRUPTED = 130


def report_user_error(error: UserError | ProjectError, *, as_json: bool) -> int:
    """Tell the user what went wrong and what to do next; return the exit code."""
    report = error.report if isinstance(error, UserError) else error
    next_step = report.next_step
    if report.code == "project_damaged" and next_step.startswith("Recover "):
        next_step += " Use: masque recover PROJECT."
    _tell(str(report.code), report.message, next_step, as_json=as_json)
    return ExitCode.USER_ERROR


def report_bug(error: Exception, *, as_json: bool) -> int:
    """Keep the traceback in a file and tell the user where; return the exit code."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="masque-fault-", suffix=".log", delete=False) as log:
            log.write("".join(traceback.format_exception(error)))
        kept = f"Please report it with the file {Path(log.name)}."
    except OSError:
        kept = "The details could not be written to the temporary folder; free some space there."
    _tell(
        "internal",
        f"Masque made a mistake: {type(error).__name__}.",
        f"Nothing in the project was changed halfway. {kept}",
        as_json=as_json,
    )
    return ExitCode.BUG


def report_wrong_usage(message: str) -> int:
    """Tell a script what is wrong with its command line; return the exit code."""
    _tell("usage", message, "See the command's --help.", as_json=True)
    return ExitCode.WRONG_USAGE


def _tell(code: str, message: str, next_step: str, *, as_json: bool) -> None:
    if as_json:
        body = {"error": {"code": code, "message": message, "next_step": next_step}}
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"{message} {next_step}".strip() + "\n")
