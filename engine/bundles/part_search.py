"""Which parts of a known bundle lie in a folder, told by the names of files."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from engine.bundles.catalogue import CatalogueBundle, CataloguePart, PartLayout
from engine.media.read_errors import reading
from engine.protocol.errors import ErrorCode, UserError

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.safetensors")
_LARGEST_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPart:
    """A part that lies in a folder: its layout and its files, relative to the folder, in order."""

    part: CataloguePart
    layout: PartLayout
    files: tuple[PurePosixPath, ...]


def find_parts(folder: Path, bundle: CatalogueBundle) -> tuple[FoundPart, ...]:
    """Return the parts of a bundle that lie in a folder or in the folders directly in it.

    Of a file that two parts share, the names of its tensors are read.

    Raises UserError: FILE_MISSING (no such folder, a shard), BAD_INPUT (a file, two sets of weights of one
    part), FILE_UNREADABLE.
    """
    require_folder(folder)
    places = _places(folder)
    found = (_find(folder, places, part) for part in bundle.parts)
    return tuple(each for each in found if each is not None)


def unreadable_files(folder: Path, part: CataloguePart) -> tuple[Path, ...]:
    """Return published files of a part that are in a folder and that Masque cannot read."""
    paths = (place / name for place in _places(folder) for name in part.not_convertible)
    return tuple(path for path in paths if path.is_file())


def is_visible_file(path: Path) -> bool:
    """Return whether a path is a file that is not hidden: macOS and download tools leave such files about."""
    return not path.name.startswith(".") and path.is_file()


def _places(folder: Path) -> tuple[Path, ...]:
    """Return a folder and the folders directly in it, in order."""
    with reading(folder):
        entries = sorted(folder.iterdir())
    return (folder, *(entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()))


def require_folder(folder: Path) -> None:
    """Make sure that a folder is there. Raises UserError: FILE_MISSING, BAD_INPUT (a file)."""
    if folder.is_file():
        raise UserError(
            f"{folder.name} is a file, not a folder.",
            next_step="Choose the folder that holds all files of the bundle.",
            code=ErrorCode.BAD_INPUT,
        )
    if not folder.is_dir():
        raise UserError(
            f"There is no folder {folder}.",
            next_step="Check the name, or connect the disk it is on.",
            code=ErrorCode.FILE_MISSING,
        )


def _find(folder: Path, places: tuple[Path, ...], part: CataloguePart) -> FoundPart | None:
    for layout in part.layouts:
        for place in places:
            matched = [_matching(place, pattern) for pattern in layout.files]
            if not all(matched):
                continue
            files = [path for paths in matched for path in paths]
            if layout.key_prefix and not _holds_names(files[0], layout.key_prefix):
                continue
            _require_one_set(files, part)
            files += [path for pattern in layout.optional_files for path in _matching(place, pattern)]
            relative = tuple(PurePosixPath(path.relative_to(folder).as_posix()) for path in files)
            return FoundPart(part=part, layout=layout, files=relative)
    return None


def _matching(place: Path, pattern: str) -> list[Path]:
    return sorted(path for path in place.glob(pattern) if is_visible_file(path))


def _require_one_set(files: list[Path], part: CataloguePart) -> None:
    """Make sure that the weights of a part are one file, or all shards of one set."""
    weights = [path for path in files if path.suffix == ".safetensors"]
    sets = set(_shard_sets(weights))
    if len(sets) > 1:
        names = " and ".join(sorted(path.name for path in weights)[:2])
        raise UserError(
            f"The folder {weights[0].parent} holds {part.title} more than once: {names}.",
            next_step="Move all but one of them away.",
            code=ErrorCode.BAD_INPUT,
        )
    for stem, total in sets:
        missing = [name for name in _shard_names(stem, total) if not (weights[0].parent / name).is_file()]
        if missing:
            raise UserError(
                f"{part.heading} is not whole: {missing[0]} is missing in {weights[0].parent}"
                f"{f', and {len(missing) - 1} more of {total} files' if len(missing) > 1 else ''}.",
                next_step="Copy the missing files there; an interrupted download can be continued.",
                code=ErrorCode.FILE_MISSING,
                details={"missing": ", ".join(missing)},
            )


def _shard_sets(weights: list[Path]) -> Iterator[tuple[str, int]]:
    for path in weights:
        shard = _SHARD.fullmatch(path.name)
        yield (shard["stem"], int(shard["total"])) if shard else (path.name, 0)


def _shard_names(stem: str, total: int) -> Iterator[str]:
    return (f"{stem}-{number:05d}-of-{total:05d}.safetensors" for number in range(1, total + 1))


def _holds_names(path: Path, prefix: str) -> bool:
    """Return whether a safetensors file has tensors whose names begin so; a damaged one has none."""
    with reading(path), path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= _LARGEST_HEADER_BYTES else b""
    try:
        names = json.loads(header)
    except ValueError:
        return False
    return isinstance(names, dict) and any(name.startswith(prefix) for name in names)
