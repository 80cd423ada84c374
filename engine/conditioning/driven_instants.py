"""Which clip drives a character in each model frame, and at which instant of its file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from engine.planning.model_time import ModelTime
from engine.protocol.clips import DrivingInput, driving_clip_at, source_time_s


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenInstant:
    """Which of a character's clips drives (its number), and the instant in its file."""

    clip: int
    source_s: Fraction


def driven_instants(clips: Sequence[DrivingInput], time: ModelTime) -> list[DrivenInstant | None]:
    """Return for each model frame what drives there, or None.

    Behind the last project frame the clip that drives it goes on where it can, else that frame is held: those
    model frames are cut off again, but share a latent frame with some that are not.
    """
    ending = _driven_at(clips, Fraction(time.project_frame_count - 1), time.project_rate)
    instants = []
    for frame in range(time.model_frame_count):
        position = time.exact_project_position(frame)
        instant = _driven_at(clips, position, time.project_rate)
        if position > time.project_frame_count - 1:
            goes_on = instant is not None and ending is not None and instant.clip == ending.clip
            instant = instant if goes_on else ending
        instants.append(instant)
    return instants


def _driven_at(
    clips: Sequence[DrivingInput], position: Fraction, project_rate: Fraction
) -> DrivenInstant | None:
    """Return what drives at a project frame with a fraction: the protocol's rule, on a clock of finer frames
    on which the position is whole.
    """
    clip = driving_clip_at(clips, floor(position))
    if clip is None:
        return None
    parts = position.denominator
    finer = replace(clip, start_frame=clip.start_frame * parts, length_frames=clip.length_frames * parts)
    source_s = source_time_s(finer, position.numerator, project_rate * parts)
    number = next(index for index, one in enumerate(clips) if one is clip)
    return None if source_s is None else DrivenInstant(clip=number, source_s=source_s)
