"""What drives a character's expression in each model frame, from its driving clips and intensity curves.

Shapes: T model frames, n frames of a gap, E the 554 numbers of an expression.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from engine.conditioning.channel_gains import PARTS, with_gains
from engine.conditioning.clip_expression import (
    Features,
    clip_features_at,
    neutral_features,
    neutral_is_analysed,
)
from engine.conditioning.driven_instants import DrivenInstant, driven_instants
from engine.conditioning.expression_track import ExpressionTrack
from engine.planning.model_time import ModelTime
from engine.protocol.clips import DrivingInput
from engine.protocol.errors import BugError
from engine.protocol.render_request import CharacterInput

FADE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CharacterFeatures:
    """`features_TE` (float32) on the processor, every frame of them; `report`: sentences for the take."""

    features_TE: torch.Tensor
    report: tuple[str, ...]


def features_at_model_frames(
    character: CharacterInput, tracks: Sequence[ExpressionTrack], time: ModelTime
) -> CharacterFeatures | None:
    """Return a character's expression on the transformer's clock; None without any driving clip.

    `tracks` are the analysed drivers, one for each of `character.driving`. Between source frames features are
    interpolated linearly. Where nothing drives, the character holds the neutral of the clip before or after,
    whichever is nearer, and comes to it and leaves it in FADE_S on straight lines; a shorter gap is crossed
    straight. Driven frames stay as they are, also where clips meet or loop. Curves scale each part around the
    neutral of the clip.
    """
    clips = character.driving
    if len(tracks) != len(clips):
        raise BugError(f"{len(tracks)} tracks for {len(clips)} driving clips of {character.name}")
    if not clips:
        return None
    instants = driven_instants(clips, time)
    neutrals = [neutral_features(clip, track) for clip, track in zip(clips, tracks, strict=True)]
    features_TE = np.empty((len(instants), len(neutrals[0])))
    neutral_TE = np.empty_like(features_TE)
    for frame, instant in enumerate(instants):
        if instant is not None:
            clip, track = clips[instant.clip], tracks[instant.clip]
            features_TE[frame] = clip_features_at(clip, track, float(instant.source_s))
            neutral_TE[frame] = neutrals[instant.clip]
    for gap in _gaps(instants):
        _fill(gap, features_TE, neutral_TE, _gap_ends(gap, instants, clips, neutrals, time))
    scaled = with_gains(
        features_TE, neutral_TE, {channel: character.curve(channel) for channel in PARTS}, time
    )
    return CharacterFeatures(
        features_TE=torch.from_numpy(scaled.astype(np.float32)),
        report=tuple(_report(character, tracks, instants, time)),
    )


def _gaps(instants: Sequence[DrivenInstant | None]) -> Iterator[range]:
    """Yield the runs of frames in which nothing drives."""
    for is_gap, run in groupby(range(len(instants)), key=lambda frame: instants[frame] is None):
        frames = list(run)
        if is_gap:
            yield range(frames[0], frames[-1] + 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _GapEnds:
    """What a gap comes from and goes to: the neutrals [E] on both sides, and for each frame the share of the
    motion before, of the motion behind and of the neutral behind [n].
    """

    neutral_before: Features
    neutral_behind: Features
    of_before: Features
    of_behind: Features
    of_neutral_behind: Features


def _gap_ends(
    gap: range, instants: Sequence[DrivenInstant | None], clips: Sequence[DrivingInput],
    neutrals: Sequence[Features], time: ModelTime,
) -> _GapEnds:  # fmt: skip
    before = instants[gap.start - 1] if gap.start > 0 else None
    behind = instants[gap.stop] if gap.stop < len(instants) else None
    since_s = (np.array(gap) - gap.start + 1) / float(time.model_rate)
    until_s = (gap.stop - np.array(gap)) / float(time.model_rate)
    fade_s = min(FADE_S, float((len(gap) + 1) / time.model_rate))
    of_before = np.maximum(0.0, 1.0 - since_s / fade_s) * (before is not None)
    of_behind = np.maximum(0.0, 1.0 - until_s / fade_s) * (behind is not None)
    known = [one.clip for one in (before, behind) if one is not None] or [_nearest(clips, time)]
    return _GapEnds(
        neutral_before=neutrals[known[0]],
        neutral_behind=neutrals[known[-1]],
        of_before=of_before,
        of_behind=of_behind,
        of_neutral_behind=np.clip(0.5 + (since_s - until_s) / 2 / fade_s, 0.0, 1.0),
    )


def _nearest(clips: Sequence[DrivingInput], time: ModelTime) -> int:
    """Return the clip that lies nearest to the shot; of equals the first."""

    def distance(number: int) -> int:
        clip = clips[number]
        end = clip.start_frame + clip.length_frames
        return max(clip.start_frame - time.project_frame_count, -end, 0)

    return min(range(len(clips)), key=distance)


def _fill(gap: range, features_TE: Features, neutral_TE: Features, ends: _GapEnds) -> None:
    """Write features and neutrals of a gap."""
    late = ends.of_neutral_behind[:, None]
    neutral = (1.0 - late) * ends.neutral_before + late * ends.neutral_behind
    before, behind = ends.of_before[:, None], ends.of_behind[:, None]
    held = (1.0 - before - behind) * neutral
    if ends.of_before.any():
        held = held + before * features_TE[gap.start - 1]
    if ends.of_behind.any():
        held = held + behind * features_TE[gap.stop]
    features_TE[gap.start : gap.stop] = held
    neutral_TE[gap.start : gap.stop] = neutral


def _report(
    character: CharacterInput, tracks: Sequence[ExpressionTrack], instants: Sequence[DrivenInstant | None],
    time: ModelTime,
) -> Iterator[str]:  # fmt: skip
    for clip, track in zip(character.driving, tracks, strict=True):
        if not neutral_is_analysed(clip, track):
            yield (
                f"The neutral face chosen for “{clip.path.name}” lies outside the part that was analysed; "
                "the frame nearest to it was taken."
            )
    shown = instants[: time.shot_model_frames]
    idle = sum(instant is None for instant in shown)
    if idle == len(shown):
        yield f"No driving clip of “{character.name}” plays in this shot; the neutral expression is held."
    elif idle:
        seconds = float(idle / time.model_rate)
        yield f"Nothing drives “{character.name}” for {seconds:.2f} s; the neutral expression is held there."
