"""The model bundles Masque knows: parts, the layouts they come in, what they can do, their publishers.

The facts are in `resources/model_catalog.toml`; here they get their types.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from engine.bundles.installed_bundle import Capability, PartName

CATALOGUE_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLayout:
    """One way a part's files are published: patterns relative to the bundle's folder.

    Each pattern of `files` has to be met; `optional_files` belong to the part where they are. `key_prefix`:
    the part's tensors share a file with another part and their names begin so.
    """

    name: str
    files: tuple[str, ...]
    optional_files: tuple[str, ...] = ()
    project: str | None = None
    key_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguePart:
    """A part: what people call it, whether nothing works without it, and the layouts in order of preference.

    `wanted` are the files to get, in words; `project` is the publisher's project (owner/name). A part without
    layouts is published nowhere.
    `not_convertible` names published files of this part that Masque cannot read; `without_it` says what
    happens when the part is missing.
    """

    name: PartName
    title: str
    required: bool
    layouts: tuple[PartLayout, ...] = ()
    wanted: str = ""
    project: str | None = None
    licence: str | None = None
    not_convertible: tuple[str, ...] = ()
    without_it: str = ""

    @property
    def source(self) -> str:
        """The project to get the part from: its first layout's, else its own; empty where there is none."""
        first = self.layouts[0].project if self.layouts else None
        return first or self.project or ""

    @property
    def heading(self) -> str:
        """The title as a sentence begins."""
        return self.title[:1].upper() + self.title[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueCapability:
    """Something a bundle can do, the parts it needs besides the required ones, and frames per second.

    `frame_rate` is what the weights expect; `published_frame_rate` the rate of the published results where
    the shot follows its driver.
    """

    name: Capability
    needs: tuple[PartName, ...]
    frame_rate: Fraction | None = None
    published_frame_rate: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A published file whose hash is known; `seen_in`: the project with a copy it was read from."""

    part: PartName
    file: str
    sha256: str
    size_bytes: int | None = None
    seen_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueBundle:
    """A bundle as it is published. `dimensions` are the numbers its networks have in common."""

    name: str
    title: str
    dimensions: Mapping[str, int]
    capabilities: tuple[CatalogueCapability, ...]
    parts: tuple[CataloguePart, ...]
    published_files: tuple[PublishedFile, ...]

    def part(self, name: PartName) -> CataloguePart:
        """Return a part by name. Raises KeyError."""
        for part in self.parts:
            if part.name is name:
                return part
        raise KeyError(name)

    def capability(self, name: Capability) -> CatalogueCapability:
        """Return a capability by name. Raises KeyError."""
        for capability in self.capabilities:
            if capability.name is name:
                return capability
        raise KeyError(name)


@lru_cache(maxsize=1)
def known_bundles() -> tuple[CatalogueBundle, ...]:
    """Return the bundles of the catalogue that comes with Masque."""
    return read_catalogue(files("resources").joinpath("model_catalog.toml").read_text("utf-8"))


def read_catalogue(text: str) -> tuple[CatalogueBundle, ...]:
    """Return the bundles of a catalogue's text (TOML).

    Raises ValueError for another format, KeyError and TypeError for entries that are missing or unknown: the
    catalogue comes with Masque, so a faulty one is a fault of Masque.
    """
    content = tomllib.loads(text)
    if content["format"] != CATALOGUE_FORMAT:
        raise ValueError(f"The catalogue has format {content['format']}, not {CATALOGUE_FORMAT}.")
    return tuple(_bundle(entry) for entry in content["bundles"])


def _bundle(entry: dict[str, Any]) -> CatalogueBundle:
    return CatalogueBundle(
        name=entry["name"],
        title=entry["title"],
        dimensions=MappingProxyType(dict(entry["dimensions"])),
        capabilities=tuple(_capability(each) for each in entry["capabilities"]),
        parts=tuple(_part(each) for each in entry["parts"]),
        published_files=tuple(_published_file(each) for each in entry.get("published_files", [])),
    )


def _capability(entry: dict[str, Any]) -> CatalogueCapability:
    rates = {key: Fraction(entry[key]) for key in ("frame_rate", "published_frame_rate") if key in entry}
    return CatalogueCapability(
        name=Capability(entry["name"]), needs=tuple(PartName(name) for name in entry["needs"]), **rates
    )


def _part(entry: dict[str, Any]) -> CataloguePart:
    plain = {key: value for key, value in entry.items() if key not in {"name", "layouts", "not_convertible"}}
    return CataloguePart(
        name=PartName(entry["name"]),
        layouts=tuple(_layout(each) for each in entry.get("layouts", [])),
        not_convertible=tuple(entry.get("not_convertible", ())),
        **plain,
    )


def _layout(entry: dict[str, Any]) -> PartLayout:
    patterns = {key: tuple(entry.get(key, ())) for key in ("files", "optional_files")}
    return PartLayout(**{**entry, **patterns})


def _published_file(entry: dict[str, Any]) -> PublishedFile:
    return PublishedFile(**{**entry, "part": PartName(entry["part"])})
