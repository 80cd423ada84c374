"""Clips on a character's timeline and the one rule by which project frames become source seconds.

Positions on the timeline are integer frames of the project; positions in media are rational seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

LAST_INSTANT_S = Fraction(1, 100_000)


class LoopMode(StrEnum):
    """What a driving clip does when its source ends before its place on the timeline does."""

    ONCE = "once"
    HOLD = "hold"
    LOOP = "loop"
    PING_PONG = "ping_pong"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivingInput:
    """A piece of video that drives a character.

    `source_in_s`/`source_out_s` are seconds in the file (out is exclusive), `start_frame`/`length_frames` its
    place on the timeline, `speed` source seconds per timeline second, `face_index` the driver from the left,
    `neutral_s` the source time of the neutral face (None: the calmest frame is chosen).
    """

    path: Path
    content_hash: str
    source_in_s: Fraction
    source_out_s: Fraction
    start_frame: int
    length_frames: int
    speed: Fraction = Fraction(1)
    loop_mode: LoopMode = LoopMode.ONCE
    face_index: int = 0
    neutral_s: Fraction | None = None
    keep_sound: bool = False
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceInput:
    """A piece of sound a character speaks; plays once at its own speed."""

    path: Path
    content_hash: str
    source_in_s: Fraction
    source_out_s: Fraction
    start_frame: int
    gain_db: float = 0.0
    fade_in_s: Fraction = Fraction(0)
    fade_out_s: Fraction = Fraction(0)


def source_time_s(clip: DrivingInput, frame: int, frame_rate: Fraction) -> Fraction | None:
    """Return the source second shown at a project frame, or None where the clip shows nothing.

    The result lies in [source_in_s, source_out_s): shown is the picture whose time is at or before it.
    """
    elapsed_frames = frame - clip.start_frame
    if not 0 <= elapsed_frames < clip.length_frames:
        return None
    span_s = clip.source_out_s - clip.source_in_s
    elapsed_s = elapsed_frames / frame_rate * clip.speed
    last_s = span_s - min(LAST_INSTANT_S, span_s / 2)
    if elapsed_s >= span_s:
        if clip.loop_mode is LoopMode.ONCE:
            return None
        if clip.loop_mode is LoopMode.HOLD:
            elapsed_s = last_s
        elif clip.loop_mode is LoopMode.LOOP:
            elapsed_s %= span_s
        else:
            phase_s = elapsed_s % (2 * span_s)
            elapsed_s = phase_s if phase_s < span_s else 2 * span_s - phase_s
    return clip.source_in_s + min(elapsed_s, last_s)


def driving_clip_at(clips: Sequence[DrivingInput], frame: int) -> DrivingInput | None:
    """Return the clip that drives at `frame`; where clips overlap the one that starts last wins."""
    covering = [c for c in clips if c.start_frame <= frame < c.start_frame + c.length_frames]
    return max(covering, key=lambda clip: clip.start_frame, default=None)


def natural_length_frames(span_s: Fraction, speed: Fraction, frame_rate: Fraction) -> int:
    """Return how many project frames `span_s` source seconds fill at `speed`, rounded, at least 1."""
    return max(1, round(span_s / speed * frame_rate))
