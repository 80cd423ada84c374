"""How many tokens a character brings to a pass of the transformer: its expression's and its voice's.

A pass holds latent frames `start` to `end` (exclusive) of the shot. A piece of a long shot keeps only those
tokens that its frames attend to.
"""

from fractions import Fraction
from math import floor

from engine.planning.adapter_names import AdapterName
from engine.planning.model_time import ModelTime
from engine.planning.token_ranges import (
    TOKENS_PER_VIDEO_FRAME,
    VOICE_MARGIN_TOKENS,
    expression_ranges,
    voice_ranges,
)

MOST_KEPT_TOKENS = 5000
"""Of one character and adapter: those of the longest pass, 24 for each of 201 frames, are kept."""

_SPEECH_SAMPLE_RATE = 16_000
_SPEECH_STEP, _SPEECH_REACH = 320, 400
"""Samples between two tokens of wav2vec 2.0, and the samples that one is made of."""


def timeline_tokens(adapter: AdapterName, time: ModelTime) -> int:
    """Return how many tokens a character's whole timeline has."""
    if adapter is AdapterName.EXPRESSION:
        return TOKENS_PER_VIDEO_FRAME * time.model_frame_count
    return speech_tokens(time.model_duration_s)


def speech_tokens(duration_s: Fraction) -> int:
    """Return how many tokens wav2vec 2.0 makes of a recording; a shorter one is padded to a single token."""
    samples = max(floor(duration_s * _SPEECH_SAMPLE_RATE), _SPEECH_REACH)
    return (samples - _SPEECH_REACH) // _SPEECH_STEP + 1


def window_ranges(adapter: AdapterName, time: ModelTime) -> list[tuple[int, int]]:
    """Return each latent frame's window as a range of the timeline, the last one included."""
    if adapter is AdapterName.EXPRESSION:
        return expression_ranges(time.model_frame_count)
    tokens = timeline_tokens(adapter, time)
    ranges = voice_ranges(time.model_frame_count, tokens)
    return [(start - VOICE_MARGIN_TOKENS, end + VOICE_MARGIN_TOKENS) for start, end in ranges]


def tokens_in_windows(ranges: list[tuple[int, int]], timeline: int) -> int:
    """Return how many different tokens of a timeline some windows show together."""
    shown, reached = 0, 0
    for start, end in sorted(ranges):
        first, behind = max(start, reached, 0), min(end + 1, timeline)
        shown += max(0, behind - first)
        reached = max(reached, behind)
    return shown
