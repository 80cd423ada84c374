"""The one error of the project file: a sentence, a next step and a code; never a traceback for a user."""

from typing import Literal

ProjectErrorCode = Literal[
    "project_missing",
    "project_exists",
    "project_locked",
    "project_newer",
    "project_damaged",
    "not_found",
    "invalid",
    "conflict",
    "disk_full",
    "not_writable",
]


class ProjectError(Exception):
    """Something about the project the user can mend: one clear sentence and what to do next."""

    def __init__(self, message: str, *, next_step: str, code: ProjectErrorCode) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.code: ProjectErrorCode = code

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


def invalid(message: str, next_step: str) -> ProjectError:
    """Return the error for a value the project cannot take."""
    return ProjectError(message, next_step=next_step, code="invalid")


def not_found(what: str) -> ProjectError:
    """Return the error for something that is no longer in the project, such as "scene"."""
    return ProjectError(
        f"The project has no such {what} any more.",
        next_step="Look at the project again: it may have been removed in another window or by a command.",
        code="not_found",
    )
