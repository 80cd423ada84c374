"""A model bundle on this machine: which files, what they are, what they can do. No weights are read here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path


class PartName(StrEnum):
    """The parts a bundle can have."""

    TRANSFORMER = "transformer"
    TEXT_ENCODER = "text_encoder"
    TOKENIZER = "tokenizer"
    IMAGE_ENCODER = "image_encoder"
    VAE = "vae"
    EXPRESSION_ADAPTER = "expression_adapter"
    EXPRESSION_ENCODER = "expression_encoder"
    VOICE_ADAPTER = "voice_adapter"
    SPEECH_ENCODER = "speech_encoder"
    FACE_DETECTOR = "face_detector"
    FACE_LANDMARKS = "face_landmarks"
    IDENTITY = "identity"
    MOTION_INTENSITY = "motion_intensity"


class Capability(StrEnum):
    """What a bundle can do."""

    CLIP_DRIVEN = "clip_driven"
    VOICE_DRIVEN = "voice_driven"
    IDENTITY = "identity"
    MOTION_INTENSITY = "motion_intensity"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFile:
    """A file of a part: its path relative to the bundle's folder, and its state when it was verified."""

    path: str
    size_bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePart:
    """One part: the layout its files were found in (see the catalogue) and the files, in order."""

    name: PartName
    layout: str
    files: tuple[PartFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledBundle:
    """A verified bundle. `random_weights`: made for trying things out; what it renders is noise.

    `voice_frame_rate` is the rate the voice adapter's weights expect, None where the bundle has none.
    `sizes`: those of each part's network by the catalogue's names, and its count of `parameters`; a list of
    models written before they were recorded has none.
    """

    name: str
    folder: Path
    parts: Mapping[PartName, BundlePart]
    capabilities: frozenset[Capability]
    licences: tuple[str, ...] = ()
    voice_frame_rate: Fraction | None = None
    random_weights: bool = False
    notes: tuple[str, ...] = field(default=())
    sizes: Mapping[PartName, Mapping[str, int]] = field(default_factory=dict)

    def paths(self, part: PartName) -> tuple[Path, ...]:
        """Return the absolute paths of a part's files. Raises KeyError for a part the bundle lacks."""
        return tuple(self.folder / file.path for file in self.parts[part].files)
