"""`bundle.toml` in a bundle's folder: says that its weights are random and what the bundle is called."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from engine.media.read_errors import reading
from engine.protocol.errors import ErrorCode, UserError

MARK_NAME = "bundle.toml"
_KEYS = {"name": str, "random_weights": bool, "seed": int}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleMark:
    """What a bundle says of itself; a folder without a mark says nothing."""

    name: str | None = None
    random_weights: bool = False


def mark_as_random(folder: Path, *, name: str, seed: int) -> None:
    """Write the mark of a bundle of random weights. Raises OSError."""
    text = (
        "# Made by masque models make-test-bundle: random weights, what they render is noise.\n"
        f'name = "{name}"\nrandom_weights = true\nseed = {seed}\n'
    )
    (folder / MARK_NAME).write_text(text, "utf-8")


def read_mark(folder: Path) -> BundleMark:
    """Return what the folder's mark says. Raises UserError FILE_UNREADABLE, naming the file and the key."""
    path = folder / MARK_NAME
    if not path.exists():
        return BundleMark()
    with reading(path):
        content = path.read_bytes()
    try:
        entries = tomllib.loads(content.decode("utf-8"))
    except ValueError as error:
        raise _unreadable(path, "it is not valid TOML") from error
    for key, value in entries.items():
        if key not in _KEYS:
            raise _unreadable(path, f"the key {key} is not known")
        if type(value) is not _KEYS[key]:
            raise _unreadable(path, f"{key} has a value of the wrong kind")
    return BundleMark(name=entries.get("name"), random_weights=entries.get("random_weights", False))


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} cannot be used: {why}.",
        next_step="Correct the file, or remove it.",
        code=ErrorCode.FILE_UNREADABLE,
    )
