"""What a person chooses for a render by the diffusion transformer."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Solver(StrEnum):
    """How the flow is integrated: Euler on the published grid, or UniPC (arXiv 2302.04867)."""

    EULER = "euler"
    UNIPC = "unipc"


class LongShotMode(StrEnum):
    """How a shot longer than one segment is made."""

    CONTINUATION = "continuation"
    CONTEXT_WINDOWS = "context_windows"


class Precision(StrEnum):
    """The number format of the transformer's arithmetic; AUTO is what the device does best."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidanceSettings:
    """Scales of the guidance. None: the published default for what drives the shot.

    With `voice_scale` the two adapters have scales of their own (one branch more): `adapter_scale` is then
    the expression adapter's. Adapter guidance acts from `start_percent` to `end_percent` of the steps.
    """

    text_scale: float | None = None
    adapter_scale: float | None = None
    voice_scale: float | None = None
    start_percent: float = 0.0
    end_percent: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionSettings:
    """How the transformer renders a shot.

    `segment_frames` is the length of one pass of the transformer in its own frames (4k+1), `overlap_frames`
    how many frames two passes share (4k+1 in continuation, a multiple of 4 in context windows).
    `model_frame_rate` None: what the bundle expects of this shot.
    """

    bundle: str
    steps: int = 30
    flow_shift: float = 5.0
    solver: Solver = Solver.EULER
    guidance: GuidanceSettings = GuidanceSettings()
    long_shot: LongShotMode = LongShotMode.CONTINUATION
    segment_frames: int = 81
    overlap_frames: int = 13
    precision: Precision = Precision.AUTO
    model_frame_rate: Fraction | None = None
