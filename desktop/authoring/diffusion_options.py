"""What a person may set of a render in diffusion quality: one place for the window's fields and the options.

A setting is named as its field of `DiffusionChoice`, with spaces. Bounds are those of
`engine.protocol.diffusion_limits`; what is out of them is refused there, in words.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from desktop.authoring.diffusion_settings import USUAL, DiffusionChoice, usual_overlap, why_refused
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import guidance_scales
from engine.protocol.diffusion_limits import (
    HIGHEST_FLOW_SHIFT,
    LONGEST_SEGMENT_FRAMES,
    LOWEST_FLOW_SHIFT,
    SHORTEST_SEGMENT_FRAMES,
    STRONGEST_GUIDANCE,
)
from engine.protocol.diffusion_settings import GuidanceSettings, LongShotMode, Precision, Solver


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOption:
    """A number. `step` leads from one that can be to the next; `unit` stands behind it."""

    field: str
    help: str
    lowest: float
    highest: float
    step: float = 1.0
    is_whole: bool = False
    unit: str = ""

    @property
    def name(self) -> str:
        """What stands beside the field."""
        return _name(self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordOption:
    """One of a few words."""

    field: str
    help: str
    choices: type[StrEnum]

    @property
    def name(self) -> str:
        """What stands beside the field."""
        return _name(self.field)

    @property
    def usual(self) -> StrEnum:
        """The word that holds where nobody chooses one."""
        word: StrEnum = getattr(USUAL, self.field)
        return word


PRECISION = WordOption(
    field="precision",
    help="The number format computed in: auto, float32, bfloat16 or float16; else auto.",
    choices=Precision,
)
TEXT_GUIDANCE = NumberOption(
    field="text_guidance",
    help=f"How strictly the prompt is followed, 0 to {STRONGEST_GUIDANCE:g}; else 1, with voices 5. "
    "Above 1 the negative prompt counts.",
    lowest=0.0,
    highest=STRONGEST_GUIDANCE,
)
ADAPTER_GUIDANCE = NumberOption(
    field="adapter_guidance",
    help=f"How strictly clips and voices are followed, 0 to {STRONGEST_GUIDANCE:g}; else 4, with voices 5.",
    lowest=0.0,
    highest=STRONGEST_GUIDANCE,
)
VOICE_GUIDANCE = NumberOption(
    field="voice_guidance",
    help="The voices' own; the adapter guidance is then the clips'. One pass more a step.",
    lowest=0.0,
    highest=STRONGEST_GUIDANCE,
)
GUIDANCE_START = NumberOption(
    field="guidance_start",
    help="From where in the steps clips and voices guide; else 0.",
    lowest=0.0,
    highest=100.0,
    step=5.0,
    unit="%",
)
GUIDANCE_END = NumberOption(
    field="guidance_end",
    help="Up to where in the steps clips and voices guide; else 100.",
    lowest=0.0,
    highest=100.0,
    step=5.0,
    unit="%",
)
SOLVER = WordOption(
    field="solver",
    help="How the steps are solved: euler, as published, or unipc; else euler.",
    choices=Solver,
)
FLOW_SHIFT = NumberOption(
    field="flow_shift",
    help="Shift of the noise levels; else 5.",
    lowest=LOWEST_FLOW_SHIFT,
    highest=HIGHEST_FLOW_SHIFT,
)
LONG_SHOT = WordOption(
    field="long_shot",
    help="How a long shot is made: continuation, or context-windows; else continuation.",
    choices=LongShotMode,
)
SEGMENT_FRAMES = NumberOption(
    field="segment_frames",
    help=f"Model frames of one pass: 5, 9, 13 and so on to {LONGEST_SEGMENT_FRAMES}; else 81.",
    lowest=SHORTEST_SEGMENT_FRAMES,
    highest=LONGEST_SEGMENT_FRAMES,
    step=4.0,
    is_whole=True,
)
OVERLAP_FRAMES = NumberOption(
    field="overlap_frames",
    help="Model frames two passes share: 1, 5, 9 and so on, in context windows 4, 8 and so on; else 13, 16.",
    lowest=1,
    highest=LONGEST_SEGMENT_FRAMES,
    step=4.0,
    is_whole=True,
)
ADVANCED: tuple[NumberOption | WordOption, ...] = (
    PRECISION,
    TEXT_GUIDANCE,
    ADAPTER_GUIDANCE,
    VOICE_GUIDANCE,
    GUIDANCE_START,
    GUIDANCE_END,
    SOLVER,
    FLOW_SHIFT,
    LONG_SHOT,
    SEGMENT_FRAMES,
    OVERLAP_FRAMES,
)


def choice_word(choice: StrEnum) -> str:
    """Return a choice as it is written on the command line."""
    return choice.value.replace("_", "-")


def with_setting(
    choice: DiffusionChoice, option: NumberOption | WordOption, value: object
) -> DiffusionChoice:
    """Return the choice with another value of one setting; None leaves it to Masque."""
    changed: dict[str, Any] = {option.field: value}
    return replace(choice, **changed)


def why_wrong(choice: DiffusionChoice, option: NumberOption | WordOption) -> str:
    """Return why a setting cannot be, in a sentence: by itself, or beside the others; empty where it can."""
    alone = why_refused(with_setting(DiffusionChoice(), option, getattr(choice, option.field)))
    if alone or why_refused(with_setting(choice, option, None)):
        return alone
    return why_refused(choice)


def usual_number(option: NumberOption, choice: DiffusionChoice, *, has_voices: bool) -> float | None:
    """Return the number that holds where nobody gives one, beside what else was chosen; None for none."""
    adapters = frozenset({AdapterName.VOICE}) if has_voices else frozenset[AdapterName]()
    published = guidance_scales(GuidanceSettings(), adapters)
    segment = USUAL.segment_frames if choice.segment_frames is None else choice.segment_frames
    return {
        TEXT_GUIDANCE.field: published.text,
        ADAPTER_GUIDANCE.field: published.adapters,
        VOICE_GUIDANCE.field: None,
        GUIDANCE_START.field: USUAL.guidance.start_percent,
        GUIDANCE_END.field: USUAL.guidance.end_percent,
        FLOW_SHIFT.field: USUAL.flow_shift,
        SEGMENT_FRAMES.field: USUAL.segment_frames,
        OVERLAP_FRAMES.field: usual_overlap(choice.long_shot or USUAL.long_shot, segment),
    }[option.field]


def _name(field: str) -> str:
    return field.replace("_", " ").capitalize()
