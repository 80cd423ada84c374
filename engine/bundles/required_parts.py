"""Whether a folder holds what a bundle cannot do without; no weights are read for it."""

from pathlib import Path

from engine.bundles.availability import capabilities_of, missing_text, unavailable
from engine.bundles.catalogue import CatalogueBundle, CataloguePart
from engine.bundles.installed_bundle import PartName
from engine.bundles.part_search import FoundPart, find_parts, unreadable_files
from engine.protocol.errors import ErrorCode, UserError


def required_parts(place: Path, known: CatalogueBundle) -> tuple[FoundPart, ...]:
    """Return the parts of a bundle that lie in a folder when they are enough to render with.

    Raises UserError: FILE_MISSING that names the parts and their files, FORMAT_UNSUPPORTED for a part that is
    there in a layout nobody converts, and as `find_parts` does.
    """
    found = find_parts(place, known)
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
    return found


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
