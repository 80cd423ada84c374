"""The sentences about weights that cannot be used; each names the file and, where there is one, the key."""

from collections.abc import Sequence
from pathlib import Path

from engine.protocol.errors import ErrorCode, UserError

GET_AGAIN = "Get the file again from where it is published, and verify the bundle."
GET_ANOTHER = "Get the file again from a source you trust, best as safetensors."
GET_FITTING = "Use the file that belongs to this bundle, as it is published."


def missing_file(path: Path) -> UserError:
    """Say that a file of weights is not there."""
    return UserError(
        f"The weights {path.name} are missing.",
        next_step=f"Put the file back into {path.parent.name}, or add the bundle again.",
        code=ErrorCode.FILE_MISSING,
        details={"path": str(path)},
    )


def unreadable_file(path: Path, what: str, *, next_step: str = GET_AGAIN) -> UserError:
    """Say why a file of weights cannot be read: `what` follows its name."""
    return UserError(
        f"The weights {path.name} {what}.",
        next_step=next_step,
        code=ErrorCode.FILE_UNREADABLE,
        details={"path": str(path)},
    )


def refused_by_system(path: Path, error: OSError) -> UserError:
    """Say that the operating system does not let a file of weights be read."""
    mend = "Check that the file lies where it should and that you may read it."
    return unreadable_file(path, f"cannot be read ({error.strerror or error})", next_step=mend)


def unreadable_description(path: Path, what: str) -> UserError:
    """Say why a small file that describes weights (JSON) cannot be used: `what` follows its name."""
    return UserError(
        f"The description {path.name} in {path.parent.name} {what}.",
        next_step=GET_AGAIN,
        code=ErrorCode.FILE_UNREADABLE,
        details={"path": str(path)},
    )


def unfitting_file(path: Path, what: str, *, key: str = "", next_step: str = GET_FITTING) -> UserError:
    """Say why a file of weights does not fit: `what` follows its name; `key` is the tensor it is about."""
    details = {"path": str(path)} | ({"key": key} if key else {})
    return UserError(
        f"The weights {path.name} {what}.", next_step=next_step, code=ErrorCode.BAD_INPUT, details=details
    )


def too_large_values(path: Path, key: str, number_format: str) -> UserError:
    """Say that a tensor's values do not fit into the number format asked for ("float16")."""
    return unfitting_file(
        path,
        f"hold values in {key} that are too large for {number_format}",
        key=key,
        next_step="Choose the precision bfloat16 or float32.",
    )


def first_and_how_many(keys: Sequence[str]) -> str:
    """Return the first of some names and how many more there are: `a.weight and 3 more`."""
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"
