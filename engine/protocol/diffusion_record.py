"""What a take remembers of how the transformer made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from engine.protocol.diffusion_settings import DiffusionSettings, Precision
from engine.protocol.memory_plan import MemoryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionRecord:
    """What a take remembers of how the transformer made it.

    `weights` maps a part of the bundle to its SHA-256; `branches` names what was computed in a step with its
    weight; `forwards_per_step` is the most in any step, `forwards` the sum over all steps and segments;
    `versions` maps a library to its version. `random_weights`: a test bundle made this; it is noise. `plan`:
    how memory was used (older takes have none); `measured_peak_bytes`: the most that tensors took of the
    device in any phase, None where the device does not count; `measured_held_bytes`: the most that a card's
    allocator held of it for them, with its gaps (None too in older takes).
    """

    settings: DiffusionSettings
    weights: Mapping[str, str]
    branches: tuple[str, ...]
    forwards_per_step: int
    forwards: int
    device: str
    precision: Precision
    model_width: int
    model_height: int
    model_frame_rate: Fraction
    model_frame_count: int
    segments: int
    prompt: str = ""
    negative_prompt: str = ""
    random_weights: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    plan: MemoryPlan | None = None
    measured_peak_bytes: int | None = None
    measured_held_bytes: int | None = None
