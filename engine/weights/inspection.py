"""Checking a folder of weights as a whole: which parts are there, each strictly, and whether they fit."""

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.bundles.availability import capabilities_of, missing_text, unavailable
from engine.bundles.bundle_mark import BundleMark, read_mark
from engine.bundles.catalogue import CatalogueBundle, CataloguePart, known_bundles
from engine.bundles.installed_bundle import BundlePart, Capability, InstalledBundle, PartFile, PartName
from engine.bundles.part_search import FoundPart, find_parts, unreadable_files
from engine.protocol.errors import ErrorCode, UserError
from engine.weights.inspection_progress import InspectionProgress, ProgressCount
from engine.weights.part_checks import check_parts
from engine.weights.part_fit import check_fit, check_published_sizes
from engine.weights.verified_files import VerifiedFiles


def inspect_folder(
    folder: Path,
    name: str | None = None,
    *,
    report: Callable[[InspectionProgress], None] = lambda progress: None,
) -> InstalledBundle:
    """Check every file of the bundle in a folder, its numbers too, and return the bundle, hashed.

    `name` goes before the name in the folder's mark and the catalogue's. The small parts are checked first,
    so that what is wrong is mostly told soon.

    Raises UserError: FILE_MISSING (no folder, nothing known in it, a required part), FILE_UNREADABLE
    (damaged, cut short, holds code), BAD_INPUT (swapped, another model, missing or extra keys, values that
    are no numbers, parts that do not fit), FORMAT_UNSUPPORTED.
    """
    place = folder.expanduser().absolute()
    known = known_bundles()[0]
    found = find_parts(place, known)
    _require_parts(place, known, found)
    mark = read_mark(place)
    files = VerifiedFiles(place, found)
    count = ProgressCount(files.bytes_to_read(), report)
    sizes = check_parts({part.part.name: tuple(place / path for path in part.files) for part in found}, count)
    check_fit(sizes)
    if not mark.random_weights:
        check_published_sizes(known, sizes)
    return _bundle(known, mark, name, place, _parts(found, files.hashed(count)))


def _parts(found: tuple[FoundPart, ...], hashed: Mapping[str, PartFile]) -> Mapping[PartName, BundlePart]:
    return {
        each.part.name: BundlePart(
            name=each.part.name,
            layout=each.layout.name,
            files=tuple(hashed[str(path)] for path in each.files),
        )
        for each in found
    }


def _bundle(
    known: CatalogueBundle,
    mark: BundleMark,
    name: str | None,
    place: Path,
    parts: Mapping[PartName, BundlePart],
) -> InstalledBundle:
    capabilities = capabilities_of(known, parts)
    speaks = Capability.VOICE_DRIVEN in capabilities
    return InstalledBundle(
        name=name or mark.name or known.name,
        folder=place,
        parts=parts,
        capabilities=capabilities,
        licences=() if mark.random_weights else _licences(known, parts),
        voice_frame_rate=known.capability(Capability.VOICE_DRIVEN).frame_rate if speaks else None,
        random_weights=mark.random_weights,
        notes=() if mark.random_weights else _notes(known, parts),
    )


def _licences(known: CatalogueBundle, parts: Mapping[PartName, BundlePart]) -> tuple[str, ...]:
    """Return each licence once, with the projects it covers."""
    projects: dict[str, list[str]] = {}
    for name in parts:
        part = known.part(name)
        covered = projects.setdefault(part.licence or "unknown", [])
        if part.project and part.project not in covered:
            covered.append(part.project)
    return tuple(f"{licence} ({', '.join(covered)})" for licence, covered in projects.items())


def _notes(known: CatalogueBundle, parts: Mapping[PartName, BundlePart]) -> tuple[str, ...]:
    """Return what differs from the published files whose hashes are known, and what a missing part means."""
    hashes = {(name, Path(file.path).name): file.sha256 for name in parts for file in parts[name].files}
    others = [
        f"{Path(file.file).name} is not the published file, byte for byte; it fits all the same"
        for file in known.published_files
        if hashes.get((file.part, Path(file.file).name), file.sha256) != file.sha256
    ]
    without = [
        f"without {part.title} {part.without_it}"
        for part in known.parts
        if part.without_it and part.name not in parts
    ]
    return (*others, *without)


def _require_parts(place: Path, known: CatalogueBundle, found: tuple[FoundPart, ...]) -> None:
    there = {each.part.name for each in found}
    missing = [part for part in known.parts if part.required and part.name not in there]
    foreign = {part.name: unreadable_files(place, part) for part in missing}
    if not found and not any(foreign.values()):
        raise UserError(
            f"{place} holds no weights that Masque knows.",
            next_step="Choose the folder with the files that masque models list names.",
            code=ErrorCode.FILE_MISSING,
        )
    for part in missing:
        if foreign[part.name]:
            raise _not_convertible(foreign[part.name][0], part)
    if missing:
        wanted = "; ".join(f"{part.title} ({part.wanted})" for part in missing)
        sources = sorted({part.source for part in missing})
        raise UserError(
            f"{place} lacks {wanted}.",
            next_step=f"Get it into that folder, from {' and '.join(sources)}.",
            code=ErrorCode.FILE_MISSING,
            details={"missing": ", ".join(part.name.value for part in missing)},
        )
    if not capabilities_of(known, there):
        raise _nothing_drives(place, known, there)


def _not_convertible(path: Path, part: CataloguePart) -> UserError:
    return UserError(
        f"{path.name} is {part.title} in a layout that Masque cannot read.",
        next_step=f"Get {part.wanted} of {part.source} into {path.parent}; the file may stay.",
        code=ErrorCode.FORMAT_UNSUPPORTED,
        details={"path": str(path)},
    )


def _nothing_drives(place: Path, known: CatalogueBundle, there: set[PartName]) -> UserError:
    reasons = [
        missing_text(known.part(name))
        for each in unavailable(known, there)
        for name in known.capability(each.capability).needs
        if name not in there and known.part(name).layouts
    ]
    return UserError(
        f"Nothing in {place} could drive a character: {'; '.join(reasons)}.",
        next_step="Put both files of the expression adapter there, or both of the voice adapter.",
        code=ErrorCode.FILE_MISSING,
    )
