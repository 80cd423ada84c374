"""An installed bundle as JSON and back: for the registry's file and for what a child process reports."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from engine.bundles.installed_bundle import BundlePart, Capability, InstalledBundle, PartFile, PartName


def bundle_to_json(bundle: InstalledBundle) -> dict[str, Any]:
    """Return a bundle as JSON types: the folder as text, the rate as `n/d`."""
    return {
        "name": bundle.name,
        "folder": str(bundle.folder),
        "parts": [_part_to_json(bundle.parts[name]) for name in PartName if name in bundle.parts],
        "capabilities": [each.value for each in Capability if each in bundle.capabilities],
        "licences": list(bundle.licences),
        "voice_frame_rate": None if bundle.voice_frame_rate is None else str(bundle.voice_frame_rate),
        "random_weights": bundle.random_weights,
        "notes": list(bundle.notes),
        "sizes": {name.value: dict(bundle.sizes[name]) for name in PartName if name in bundle.sizes},
    }


def bundle_from_json(entry: Mapping[str, Any]) -> InstalledBundle:
    """Return the bundle of its JSON. Raises ValueError, KeyError, TypeError for what is not one."""
    rate = entry["voice_frame_rate"]
    parts = [_part_from_json(each) for each in entry["parts"]]
    return InstalledBundle(
        name=_text(entry["name"]),
        folder=Path(_text(entry["folder"])),
        parts={part.name: part for part in parts},
        capabilities=frozenset(Capability(each) for each in entry["capabilities"]),
        licences=tuple(_text(each) for each in entry["licences"]),
        voice_frame_rate=None if rate is None else Fraction(_text(rate)),
        random_weights=bool(entry["random_weights"]),
        notes=tuple(_text(each) for each in entry["notes"]),
        sizes=_sizes(entry.get("sizes", {})),
    )


def _sizes(entry: Mapping[str, Any]) -> dict[PartName, dict[str, int]]:
    """Return the sizes of parts; a part that is not known any more is passed over."""
    known = {name.value for name in PartName}
    return {
        PartName(part): {_text(name): int(size) for name, size in sizes.items()}
        for part, sizes in entry.items()
        if part in known
    }


def _part_to_json(part: BundlePart) -> dict[str, Any]:
    files = [
        {
            "path": file.path,
            "size_bytes": file.size_bytes,
            "modified_ns": file.modified_ns,
            "sha256": file.sha256,
        }
        for file in part.files
    ]
    return {"name": part.name.value, "layout": part.layout, "files": files}


def _part_from_json(entry: Mapping[str, Any]) -> BundlePart:
    files = tuple(
        PartFile(
            path=_text(file["path"]),
            size_bytes=int(file["size_bytes"]),
            modified_ns=int(file["modified_ns"]),
            sha256=_text(file["sha256"]),
        )
        for file in entry["files"]
    )
    return BundlePart(name=PartName(entry["name"]), layout=_text(entry["layout"]), files=files)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
