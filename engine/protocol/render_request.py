"""The render request: everything a render needs, frozen; the engine never asks back."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from engine.protocol.clips import DrivingInput, VoiceInput
from engine.protocol.curves import Channel, Curve
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.regions import FaceRegion
from engine.protocol.version import REQUEST_SCHEMA


class RendererName(StrEnum):
    """The ways to render."""

    DRAFT = "draft"
    DIFFUSION = "diffusion"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateInput:
    """The scene's still: the file, its content hash (SHA-256, hex) and its upright size in pixels."""

    path: Path
    content_hash: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterInput:
    """A character as the engine sees it: a region, what drives it, and how strongly."""

    character_id: str
    name: str
    region: FaceRegion
    driving: tuple[DrivingInput, ...] = ()
    voices: tuple[VoiceInput, ...] = ()
    curves: tuple[Curve, ...] = ()

    def curve(self, channel: Channel) -> Curve | None:
        """Return the character's curve of one channel, or None."""
        return next((curve for curve in self.curves if curve.channel is channel), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """A render, completely described.

    `request_id` makes submitting idempotent and ties the result to its take. The take's files go to
    `output_directory` (absolute) under names that begin with `file_stem`. `width` and `height` are the even
    pixel size of the result; the plate is fitted inside, its aspect kept, and padded by its edge colours.
    The prompts and `diffusion` are for the diffusion renderer, which cannot do without `diffusion`.
    """

    request_id: str
    project_id: str
    project_path: Path
    scene_id: str
    scene_name: str
    take_id: str
    take_number: int
    renderer: RendererName
    plate: PlateInput
    characters: tuple[CharacterInput, ...]
    frame_rate: Fraction
    frame_count: int
    width: int
    height: int
    seed: int
    output_directory: Path
    file_stem: str
    sample_rate: int = 48_000
    prompt: str = ""
    negative_prompt: str = ""
    diffusion: DiffusionSettings | None = None
    schema: int = REQUEST_SCHEMA
