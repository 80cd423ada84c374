"""What a bundle can do with the parts it has, and why it cannot do the rest."""

from collections.abc import Collection
from dataclasses import dataclass

from engine.bundles.catalogue import CatalogueBundle, CataloguePart, known_bundles
from engine.bundles.installed_bundle import Capability, InstalledBundle, PartName


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """A capability that a bundle lacks, and the reason in words."""

    capability: Capability
    reason: str


def capabilities_of(known: CatalogueBundle, parts: Collection[PartName]) -> frozenset[Capability]:
    """Return what a bundle with these parts can do, its required parts taken as there."""
    return frozenset(each.name for each in known.capabilities if set(each.needs) <= set(parts))


def unavailable(known: CatalogueBundle, parts: Collection[PartName]) -> tuple[Unavailable, ...]:
    """Return what a bundle with these parts cannot do, and why."""
    there = set(parts)
    return tuple(
        Unavailable(
            capability=each.name,
            reason="; ".join(missing_text(known.part(name)) for name in each.needs if name not in there),
        )
        for each in known.capabilities
        if not set(each.needs) <= there
    )


def missing_text(part: CataloguePart) -> str:
    """Return what to look for when a part is missing: its title, its file names, its publisher."""
    if not part.layouts:
        return f"no weights of {part.title} are published"
    return f"{part.title} is missing ({part.wanted} of {part.source})"


def is_installed(known: CatalogueBundle, installed: Collection[InstalledBundle]) -> bool:
    """Return whether one of the bundles is the published one: all required parts, with real weights."""
    required = {part.name for part in known.parts if part.required}
    return any(required <= set(bundle.parts) and not bundle.random_weights for bundle in installed)


def catalogue_of(bundle: InstalledBundle) -> CatalogueBundle:
    """Return the catalogue's entry a bundle was checked against: the one of its name, else the first."""
    return next((known for known in known_bundles() if known.name == bundle.name), known_bundles()[0])


def size_bytes(bundle: InstalledBundle) -> int:
    """Return the size of a bundle's files; one that two parts share counts once."""
    sizes = {file.path: file.size_bytes for part in bundle.parts.values() for file in part.files}
    return sum(sizes.values())
