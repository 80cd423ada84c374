"""Which diffusion settings can be rendered: one rule for the desktop that asks and the engine."""

import math
from fractions import Fraction

from engine.protocol.diffusion_settings import DiffusionSettings, GuidanceSettings, LongShotMode
from engine.protocol.errors import ErrorCode, UserError

MOST_STEPS = 200
LONGEST_SEGMENT_FRAMES = 201
SHORTEST_SEGMENT_FRAMES = 5
STRONGEST_GUIDANCE = 20.0
LOWEST_FLOW_SHIFT, HIGHEST_FLOW_SHIFT = 0.1, 100.0
LOWEST_MODEL_RATE, HIGHEST_MODEL_RATE = Fraction(1), Fraction(120)


def check_diffusion(settings: DiffusionSettings) -> None:
    """Raise UserError(BAD_INPUT) with the first setting that cannot be rendered."""
    if not settings.bundle.strip():
        raise _refused("A diffusion render names no model bundle", "Choose an installed bundle")
    if not 1 <= settings.steps <= MOST_STEPS:
        raise _refused(
            f"A diffusion render cannot have {settings.steps} steps", f"Choose from 1 to {MOST_STEPS} steps"
        )
    if not _within(settings.flow_shift, LOWEST_FLOW_SHIFT, HIGHEST_FLOW_SHIFT):
        raise _refused(
            f"The flow shift cannot be {settings.flow_shift:g}",
            f"Choose a number from {LOWEST_FLOW_SHIFT:g} to {HIGHEST_FLOW_SHIFT:g}; 5 is the published one",
        )
    _check_guidance(settings.guidance)
    _check_segments(settings)
    rate = settings.model_frame_rate
    if rate is not None and not LOWEST_MODEL_RATE <= rate <= HIGHEST_MODEL_RATE:
        raise _refused(
            f"The model cannot work at {float(rate):g} frames a second",
            f"Choose a rate from {LOWEST_MODEL_RATE} to {HIGHEST_MODEL_RATE}, or leave it to the bundle",
        )


def _check_guidance(guidance: GuidanceSettings) -> None:
    for what, scale in (
        ("text", guidance.text_scale),
        ("adapter", guidance.adapter_scale),
        ("voice", guidance.voice_scale),
    ):
        if scale is not None and not _within(scale, 0.0, STRONGEST_GUIDANCE):
            raise _refused(
                f"The {what} guidance cannot be {scale:g}",
                f"Choose a number from 0 to {STRONGEST_GUIDANCE:g}",
            )
    start, end = guidance.start_percent, guidance.end_percent
    for what, percent in (("start", start), ("end", end)):
        if not _within(percent, 0.0, 100.0):
            raise _refused(
                f"The adapters' guidance cannot {what} at {percent:g} percent of the steps",
                "Choose a number from 0 to 100",
            )
    if start >= end:
        raise _refused(
            f"The adapters' guidance starts at {start:g} percent of the steps and ends at {end:g}",
            "Let it end after it starts",
        )


def _check_segments(settings: DiffusionSettings) -> None:
    segment, overlap = settings.segment_frames, settings.overlap_frames
    if segment % 4 != 1 or not SHORTEST_SEGMENT_FRAMES <= segment <= LONGEST_SEGMENT_FRAMES:
        raise _refused(
            f"A segment cannot be {segment} frames long",
            f"Choose 5, 9, 13 and so on, up to {LONGEST_SEGMENT_FRAMES}: a multiple of 4 and one more",
        )
    if settings.long_shot is LongShotMode.CONTINUATION:
        rule, fits = "1, 5, 9 and so on: a multiple of 4 and one more", overlap % 4 == 1 and overlap > 0
    else:
        rule, fits = "4, 8, 12 and so on: a multiple of 4", overlap % 4 == 0 and overlap > 0
    if not fits or overlap >= segment:
        raise _refused(
            f"Segments of {segment} frames cannot overlap by {overlap}",
            f"Choose {rule}, below the segment's {segment}",
        )


def _within(value: float, lowest: float, highest: float) -> bool:
    return math.isfinite(value) and lowest <= value <= highest


def _refused(message: str, next_step: str) -> UserError:
    return UserError(f"{message}.", next_step=f"{next_step}.", code=ErrorCode.BAD_INPUT)
