"""Whose the parts of a bundle are, and how they differ from what is published."""

from collections.abc import Mapping
from pathlib import Path

from engine.bundles.catalogue import CatalogueBundle
from engine.bundles.installed_bundle import BundlePart, PartName


def licences_of(known: CatalogueBundle, parts: Mapping[PartName, BundlePart]) -> tuple[str, ...]:
    """Return each licence once, with the projects it covers."""
    projects: dict[str, list[str]] = {}
    for name in parts:
        part = known.part(name)
        covered = projects.setdefault(part.licence or "unknown", [])
        if part.project and part.project not in covered:
            covered.append(part.project)
    return tuple(f"{licence} ({', '.join(covered)})" for licence, covered in projects.items())


def notes_on(known: CatalogueBundle, parts: Mapping[PartName, BundlePart]) -> tuple[str, ...]:
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
