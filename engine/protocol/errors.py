"""Errors that cross a process boundary: a code, a sentence, a next step and details; never a traceback."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, for scripts and for the window to choose a remedy."""

    BAD_INPUT = "bad_input"
    FILE_MISSING = "file_missing"
    FILE_UNREADABLE = "file_unreadable"
    FILE_EXISTS = "file_exists"
    FORMAT_UNSUPPORTED = "format_unsupported"
    NO_FACE = "no_face"
    DISK_FULL = "disk_full"
    NOT_WRITABLE = "not_writable"
    OUT_OF_MEMORY = "out_of_memory"
    NOT_FOUND = "not_found"
    WRONG_STATE = "wrong_state"
    ENGINE_UNREACHABLE = "engine_unreachable"
    ENGINE_ALREADY_RUNNING = "engine_already_running"
    ACCESS_REFUSED = "access_refused"
    VERSION_MISMATCH = "version_mismatch"
    MESSAGE_MALFORMED = "message_malformed"
    MESSAGE_TOO_LARGE = "message_too_large"
    WORKER_LOST = "worker_lost"
    CANCELLED = "cancelled"
    RENDERER_UNAVAILABLE = "renderer_unavailable"
    PROJECT_UNUSABLE = "project_unusable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport:
    """An error as it travels between processes and as it is kept with a job."""

    code: ErrorCode
    message: str
    next_step: str
    details: Mapping[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """Return the message and the next step as one line for a person."""
        return f"{self.message} {self.next_step}".strip()


class UserError(Exception):
    """Something the user can mend: one clear sentence and what to do next."""

    def __init__(
        self,
        message: str,
        *,
        next_step: str,
        code: ErrorCode = ErrorCode.BAD_INPUT,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.report = ErrorReport(
            code=code, message=message, next_step=next_step, details=dict(details or {})
        )

    @classmethod
    def from_report(cls, report: ErrorReport) -> "UserError":
        """Rebuild an error that another process reported."""
        return cls(report.message, next_step=report.next_step, code=report.code, details=report.details)

    def __str__(self) -> str:
        return self.report.sentence()


class BugError(Exception):
    """A fault of Masque itself. The traceback goes to the log; the user reads one sentence."""
