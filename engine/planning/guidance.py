"""Guidance as an algebra of branches: which forwards a step needs, and with which weight each counts.

Both projects publish `u + c (n - u) + a (p - n)`: p with prompt and adapters, n with the prompt alone, u with
the negative prompt alone; c is the text's scale, a the adapters'. So the weights are a, c - a and 1 - c.
Branches that are equal are merged and a branch of weight 0 is not computed: FantasyTalking's defaults
(c = a = 5) need two forwards instead of three, for the same result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.planning.adapter_names import AdapterName
from engine.protocol.diffusion_settings import GuidanceSettings

_SMALLEST_WEIGHT = 1e-9


class TextRole(StrEnum):
    """Which text a branch reads."""

    PROMPT = "prompt"
    NEGATIVE = "negative prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One forward of the transformer: a text, and the adapters that speak."""

    text: TextRole
    adapters: frozenset[AdapterName] = frozenset()

    @property
    def name(self) -> str:
        """The branch in words, for a take's record."""
        return " + ".join([self.text.value, *sorted(self.adapters)])


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidanceScales:
    """The scales of a shot. `voice` None: one scale for all adapters.

    Adapter guidance acts in the steps from `start` to `end`, shares of all steps (0..1); outside the adapters
    speak without being guided, as they do in the published code at a scale of 1 and below.
    """

    text: float
    adapters: float
    voice: float | None = None
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotBranches:
    """What a shot has to tell apart: the adapters that say anything, and whether the two texts differ."""

    adapters: frozenset[AdapterName]
    texts_differ: bool


def guidance_scales(settings: GuidanceSettings, adapters: frozenset[AdapterName]) -> GuidanceScales:
    """Return the scales that were asked for, else the published ones for what drives the shot.

    Published: FantasyPortrait c = 1, a = 4; FantasyTalking c = 5, a = 5.
    """
    spoken = AdapterName.VOICE in adapters
    default_text, default_adapters = (5.0, 5.0) if spoken else (1.0, 4.0)
    return GuidanceScales(
        text=default_text if settings.text_scale is None else settings.text_scale,
        adapters=default_adapters if settings.adapter_scale is None else settings.adapter_scale,
        voice=settings.voice_scale,
        start=settings.start_percent / 100.0,
        end=settings.end_percent / 100.0,
    )


def weighted_branches(
    scales: GuidanceScales, shot: ShotBranches, *, step: int, steps: int
) -> Mapping[Branch, float]:
    """Return the branches to compute in a step (from 0) with their weights, which add up to 1."""
    guided = scales.start <= step / steps < scales.end
    terms = _guided_terms(scales, shot.adapters) if guided else _plain_terms(scales, shot.adapters)
    merged: dict[Branch, float] = {}
    for branch, weight in terms:
        same = branch if shot.texts_differ else Branch(text=TextRole.PROMPT, adapters=branch.adapters)
        merged[same] = merged.get(same, 0.0) + weight
    return {branch: weight for branch, weight in merged.items() if abs(weight) > _SMALLEST_WEIGHT}


def _guided_terms(
    scales: GuidanceScales, adapters: frozenset[AdapterName]
) -> tuple[tuple[Branch, float], ...]:
    """Return u + c (n - u) + a (e - n) + v (p - e); e has no voice, and weight 0 with one scale for both."""
    silent = adapters - {AdapterName.VOICE}
    voice = scales.adapters if scales.voice is None else scales.voice
    return (
        (Branch(text=TextRole.PROMPT, adapters=adapters), voice),
        (Branch(text=TextRole.PROMPT, adapters=silent), scales.adapters - voice),
        (Branch(text=TextRole.PROMPT), scales.text - scales.adapters),
        (Branch(text=TextRole.NEGATIVE), 1.0 - scales.text),
    )


def _plain_terms(
    scales: GuidanceScales, adapters: frozenset[AdapterName]
) -> tuple[tuple[Branch, float], ...]:
    return (
        (Branch(text=TextRole.PROMPT, adapters=adapters), scales.text),
        (Branch(text=TextRole.NEGATIVE, adapters=adapters), 1.0 - scales.text),
    )
