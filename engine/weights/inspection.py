"""Checking a folder of weights as a whole: which parts are there, each strictly, and whether they fit."""

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.bundles.availability import capabilities_of
from engine.bundles.bundle_mark import BundleMark, read_mark
from engine.bundles.catalogue import CatalogueBundle, known_bundles
from engine.bundles.installed_bundle import BundlePart, Capability, InstalledBundle, PartFile, PartName
from engine.bundles.part_search import FoundPart
from engine.bundles.required_parts import required_parts
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
    found = required_parts(place, known)
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
