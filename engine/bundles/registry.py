"""The model bundles this user has added: one JSON file in the engine's data directory."""

import json
import time
from pathlib import Path

from engine.bundles.installed_bundle import InstalledBundle, PartFile
from engine.bundles.record_text import bundle_from_json, bundle_to_json
from engine.media.atomic import atomic_path
from engine.media.read_errors import reading
from engine.media.write_errors import writing
from engine.protocol.errors import ErrorCode, UserError

REGISTRY_FORMAT = 1
_FILE_NAME = "models.json"
_NAME_CHARACTERS = 64


def installed_bundles(data: Path) -> tuple[InstalledBundle, ...]:
    """Return the bundles that were added, by name. `data`: the engine's data directory.

    Raises UserError: FILE_UNREADABLE (a damaged file is kept aside first), VERSION_MISMATCH.
    """
    path = data / _FILE_NAME
    if not path.exists():
        return ()
    with reading(path):
        text = path.read_bytes()
    try:
        content = json.loads(text)
        newer = content["format"] != REGISTRY_FORMAT
        bundles = () if newer else tuple(bundle_from_json(entry) for entry in content["bundles"])
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise _damaged(path) from error
    if newer:
        raise UserError(
            f"The list of models {path} was written by another version of Masque.",
            next_step="Use that version, or move the file away and add the models again.",
            code=ErrorCode.VERSION_MISMATCH,
        )
    return tuple(sorted(bundles, key=lambda bundle: bundle.name))


def installed_bundle(data: Path, name: str) -> InstalledBundle:
    """Return a bundle by name. Raises UserError RENDERER_UNAVAILABLE, or as `installed_bundles` does."""
    bundles = installed_bundles(data)
    for bundle in bundles:
        if bundle.name == name:
            return bundle
    there = ", ".join(bundle.name for bundle in bundles)
    raise UserError(
        f"The model bundle {name} is not installed.",
        next_step=f"Add its folder with: masque models add DIR --name {name}."
        + (f" Installed: {there}." if there else ""),
        code=ErrorCode.RENDERER_UNAVAILABLE,
        details={"bundle": name},
    )


def register(data: Path, bundle: InstalledBundle) -> None:
    """Remember a bundle; one of the same name is replaced.

    Raises UserError: BAD_INPUT (the name), as `installed_bundles` does, and as writing a file does.
    """
    require_bundle_name(bundle.name)
    others = [each for each in installed_bundles(data) if each.name != bundle.name]
    _write(data, [*others, bundle])


def forget(data: Path, name: str) -> InstalledBundle:
    """Remove a bundle from the list and return it; none of its files is touched.

    Raises UserError as `installed_bundle` does, and as writing a file does.
    """
    bundle = installed_bundle(data, name)
    _write(data, [each for each in installed_bundles(data) if each.name != name])
    return bundle


def changed_files(bundle: InstalledBundle) -> tuple[Path, ...]:
    """Return the files of a bundle that are gone, or whose size or time is not what was verified."""
    files = {file.path: file for part in bundle.parts.values() for file in part.files}
    return tuple(bundle.folder / path for path, file in files.items() if _has_changed(bundle.folder, file))


def require_unchanged(bundle: InstalledBundle) -> None:
    """Make sure that a bundle's files are as they were verified.

    Raises UserError: RENDERER_UNAVAILABLE, naming the first file that is gone or has changed.
    """
    changed = changed_files(bundle)
    if not changed:
        return
    first = changed[0]
    more = f" So have {len(changed) - 1} more of its files." if len(changed) > 1 else ""
    raise UserError(
        f"{first} of the model bundle {bundle.name} has changed since it was verified.{more}"
        if first.exists()
        else f"{first} of the model bundle {bundle.name} is gone.",
        next_step=f"Put the file back, or check the bundle with: masque models verify {bundle.name}.",
        code=ErrorCode.RENDERER_UNAVAILABLE,
        details={"bundle": bundle.name, "file": str(first)},
    )


def require_bundle_name(name: str) -> None:
    """Make sure that a name is short and without characters that a command line or a file name trips over.

    Raises UserError BAD_INPUT.
    """
    if 0 < len(name) <= _NAME_CHARACTERS and name[0].isalnum() and all(_is_in_names(each) for each in name):
        return
    raise UserError(
        f"{name[:_NAME_CHARACTERS]!r} cannot be a bundle's name.",
        next_step=f"Use up to {_NAME_CHARACTERS} letters, digits, points, hyphens and underscores.",
        code=ErrorCode.BAD_INPUT,
    )


def _is_in_names(character: str) -> bool:
    return character.isalnum() or character in "-_."


def _has_changed(folder: Path, file: PartFile) -> bool:
    try:
        state = (folder / file.path).stat()
    except OSError:
        return True
    return (state.st_size, state.st_mtime_ns) != (file.size_bytes, file.modified_ns)


def _write(data: Path, bundles: list[InstalledBundle]) -> None:
    entries = [bundle_to_json(bundle) for bundle in sorted(bundles, key=lambda bundle: bundle.name)]
    content = {"format": REGISTRY_FORMAT, "bundles": entries}
    path = data / _FILE_NAME
    with atomic_path(path) as temporary, writing(path):
        temporary.write_text(json.dumps(content, indent=1) + "\n", "ascii")


def _damaged(path: Path) -> UserError:
    """Move a damaged list aside, so that the next command starts with an empty one; return what to say."""
    kept = path.with_name(f"{path.stem}-damaged-{time.time_ns()}{path.suffix}")
    with writing(kept):
        path.replace(kept)
    return UserError(
        f"The list of models {path.name} was damaged; it is kept as {kept}.",
        next_step="Add your models again with: masque models add DIR. Their own files are untouched.",
        code=ErrorCode.FILE_UNREADABLE,
        details={"kept": str(kept)},
    )
