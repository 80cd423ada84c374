"""How a render by the transformer uses a machine's memory: settled before it starts, kept with its take."""

from dataclasses import dataclass
from enum import StrEnum

from engine.protocol.diffusion_settings import Precision


class WeightStorage(StrEnum):
    """How the blocks' weights are kept: in the number format of the arithmetic, or as scaled 8-bit numbers.

    EIGHT_BIT is float8 e4m3 with one float32 scale for each output channel.
    """

    FULL = "full"
    EIGHT_BIT = "eight_bit"


class HostPlace(StrEnum):
    """Where blocks that are streamed to the device wait: in host memory (pinned or not), or on the disk.

    DISK: they are read ahead into a few buffers in host memory.
    """

    PINNED = "pinned"
    PAGEABLE = "pageable"
    DISK = "disk"


class BankPlace(StrEnum):
    """Where the keys and values of all blocks are kept: on the device, or streamed to it with the blocks."""

    DEVICE = "device"
    HOST = "host"


class EncoderPlace(StrEnum):
    """How an encoder runs: wholly on the device, layer by layer through it, or on the processor."""

    DEVICE = "device"
    STREAMED = "streamed"
    PROCESSOR = "processor"


class Bottleneck(StrEnum):
    """What a step waits for most."""

    ARITHMETIC = "arithmetic"
    TRANSFER = "transfer"
    DISK = "disk"


class Concession(StrEnum):
    """What a plan gives up to use less memory, one rung of the ladder after another, from cheap to dear.

    Each includes those before it. The last four change the picture; the others cost time alone.
    """

    NONE = "none"
    SMALLER_PIECES = "smaller_pieces"
    FEWER_RESIDENT_BLOCKS = "fewer_resident_blocks"
    NO_RESIDENT_BLOCKS = "no_resident_blocks"
    BANK_ON_HOST = "bank_on_host"
    SMALLER_TILES = "smaller_tiles"
    NARROW_TOKENS = "narrow_tokens"
    EIGHT_BIT_WEIGHTS = "eight_bit_weights"
    SHORTER_SEGMENTS = "shorter_segments"
    SHORTEST_SEGMENTS = "shortest_segments"


class PlanPhase(StrEnum):
    """The phases of a render that can be told apart by what is in memory."""

    PROMPT = "prompt"
    PLATE_PICTURE = "plate_picture"
    SPEECH = "speech"
    PLATE_LATENTS = "plate_latents"
    KEYS_AND_VALUES = "keys_and_values"
    DENOISING = "denoising"
    DECODING = "decoding"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseNeed:
    """What a phase takes: the most bytes of tensors on the device, and seconds where they can be told.

    `seconds` is for the whole render. What is cached from an earlier take costs nothing then; a plan counts
    it all the same.
    """

    phase: PlanPhase
    device_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """A plan. Bytes are of tensors; `device_budget_bytes` is what the plan may use of the device.

    `resident_blocks`: the numbers of the blocks that stay on the device, spread evenly; the others pass
    through `slots` buffers (0 where all are resident). `piece_tokens`: how many tokens go through a layer at
    a time.
    `token_precision`: the number format of the tokens between layers. `tile_latents`: the side of the VAE's
    tiles in latents, None for whole pictures. `segment_frames`: video frames of one pass of the transformer.
    `releases_blocks`: whether the blocks leave the device while the VAE works, and come back after it.
    `encoders`, `tile_at_most`: what the plan was bound to beside its concession: no encoder runs nearer to
    the device, and no tile or whole picture of the VAE's is wider.
    `seconds_per_step` and `seconds` are None where this machine's speed is not known. `loading_seconds`: how
    much of `seconds` goes into reading weights from the disk; None also in plans from before that was told.
    """

    device: str
    device_budget_bytes: int
    host_budget_bytes: int
    precision: Precision
    storage: WeightStorage
    block_count: int
    resident_blocks: tuple[int, ...]
    slots: int
    host_place: HostPlace
    bank_place: BankPlace
    piece_tokens: int
    token_precision: Precision
    tile_latents: int | None
    text_encoder: EncoderPlace
    image_encoder: EncoderPlace
    segment_frames: int
    concession: Concession
    phases: tuple[PhaseNeed, ...]
    host_bytes: int
    seconds_per_step: float | None
    seconds: float | None
    bottleneck: Bottleneck
    releases_blocks: bool = False
    speech_encoder: EncoderPlace = EncoderPlace.DEVICE
    encoders: EncoderPlace = EncoderPlace.DEVICE
    tile_at_most: int | None = None
    loading_seconds: float | None = None

    @property
    def streams(self) -> bool:
        """Whether blocks pass through the device while it computes."""
        return len(self.resident_blocks) < self.block_count

    @property
    def peak_bytes(self) -> int:
        """The most bytes of tensors on the device in any phase."""
        return max(need.device_bytes for need in self.phases)

    def need(self, phase: PlanPhase) -> PhaseNeed:
        """Return what a phase takes. Raises KeyError for one that this render does not have."""
        for need in self.phases:
            if need.phase is phase:
                return need
        raise KeyError(phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """A change with which a render fits that did not: in a sentence, and where it is a setting, as data.

    `size`: width and height of the transformer's picture in pixels.
    """

    sentence: str
    size: tuple[int, int] | None = None
    precision: Precision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlan:
    """A render that does not fit a machine: why, in a sentence, and what to change, the best first.

    `settable`: those of the changes that are settings of the render.
    """

    device: str
    device_budget_bytes: int
    least_bytes: int
    reason: str
    changes: tuple[str, ...]
    settable: tuple[PlanChange, ...] = ()
