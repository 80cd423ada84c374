"""The settings of a plan that a search goes through."""

from dataclasses import dataclass

from engine.planning.shot_cutting import SegmentLoad
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import BankPlace, EncoderPlace, HostPlace, WeightStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChoice:
    """One way to render: how weights and tokens are kept, and what lies where.

    `residents`: how many blocks stay on the device; the others go through `slots` buffers.
    """

    segment: SegmentLoad
    precision: Precision
    storage: WeightStorage
    token_precision: Precision
    piece_tokens: int
    tile_latents: int | None
    releases_blocks: bool
    bank_place: BankPlace
    host_place: HostPlace
    residents: int
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderPlaces:
    """Where the encoders of text, picture and speech run."""

    text: EncoderPlace
    image: EncoderPlace
    speech: EncoderPlace

    @staticmethod
    def all_in(place: EncoderPlace) -> "EncoderPlaces":
        """Return one place for all of them."""
        return EncoderPlaces(text=place, image=place, speech=place)
