"""Checking a folder of weights as a whole: which parts are there, each strictly, and whether they fit."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from engine.bundles.availability import capabilities_of
from engine.bundles.bundle_mark import BundleMark, read_mark
from engine.bundles.catalogue import CatalogueBundle, known_bundles
from engine.bundles.installed_bundle import BundlePart, Capability, InstalledBundle, PartFile, PartName
from engine.bundles.part_search import FoundPart
from engine.bundles.provenance import licences_of, notes_on
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
    bundle = _bundle(known, mark, name, place, _parts(found, files.hashed(count)))
    return replace(bundle, sizes=sizes)


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
        licences=() if mark.random_weights else licences_of(known, parts),
        voice_frame_rate=known.capability(Capability.VOICE_DRIVEN).frame_rate if speaks else None,
        random_weights=mark.random_weights,
        notes=() if mark.random_weights else notes_on(known, parts),
    )
