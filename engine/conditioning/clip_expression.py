"""The expression of a driving clip at any instant of its file, and its neutral one.

Shapes: S source frames of a clip, E the 554 numbers of an expression.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.channel_gains import PARTS
from engine.conditioning.expression_track import ExpressionTrack
from engine.protocol.clips import DrivingInput
from engine.protocol.errors import BugError

BEYOND_LAST_S = 0.5

Features = NDArray[np.float64]


def clip_features_at(clip: DrivingInput, track: ExpressionTrack, source_s: float) -> Features:
    """Return the features at an instant, only from frames that the clip shows."""
    first, end = _shown_frames(clip, track)
    times_s = track.times_s[first:end]
    after = int(np.searchsorted(times_s, source_s, side="right"))
    if after in {0, len(times_s)}:
        return _row(track, first + min(after, len(times_s) - 1))
    before_s, after_s = times_s[after - 1], times_s[after]
    share = (source_s - before_s) / (after_s - before_s)
    before, behind = _row(track, first + after - 1), _row(track, first + after)
    return np.asarray((1.0 - share) * before + share * behind, np.float64)


def _shown_frames(clip: DrivingInput, track: ExpressionTrack) -> tuple[int, int]:
    """Return the first frame shown from the clip's in point on, and the end of those before its out point."""
    if not len(track.times_s):
        raise BugError(f"the analysis of {clip.path.name} has no frames")
    first = int(np.searchsorted(track.times_s, float(clip.source_in_s), side="right")) - 1
    end = int(np.searchsorted(track.times_s, float(clip.source_out_s), side="left"))
    first = max(0, first)
    return first, max(first + 1, end)


def _row(track: ExpressionTrack, frame: int) -> Features:
    return np.asarray(track.features_TE[frame], np.float64)


def neutral_features(clip: DrivingInput, track: ExpressionTrack) -> Features:
    """Return the neutral expression of a clip [E]: at the instant that was chosen; else the calmest frame.

    That is the one nearest to the median of the frames shown in which the face was found, each of head, eyes,
    emotion and mouth measured by its own spread so that the many numbers of the mouth do not decide alone;
    of equals the first.
    """
    if clip.neutral_s is not None:
        whole = replace(clip, source_in_s=Fraction(0), source_out_s=Fraction(int(track.times_s[-1]) + 1))
        return clip_features_at(whole, track, float(clip.neutral_s))
    first, end = _shown_frames(clip, track)
    frames = np.arange(first, end)
    if bool(track.found_T[first:end].any()):
        frames = frames[track.found_T[first:end]]
    features_SE = np.asarray(track.features_TE, np.float64)[frames]
    away_SE = (features_SE - np.median(features_SE, axis=0)) ** 2
    parts = [away_SE[:, part].mean(axis=1) for part in PARTS.values()]
    distance_S = sum(part / max(float(part.mean()), 1e-12) for part in parts)
    return np.asarray(features_SE[int(np.argmin(distance_S))], np.float64)


def neutral_is_analysed(clip: DrivingInput, track: ExpressionTrack) -> bool:
    """Return whether the instant chosen for the neutral expression, if any, lies within the analysis."""
    if clip.neutral_s is None:
        return True
    return bool(track.times_s[0] <= float(clip.neutral_s) <= track.times_s[-1] + BEYOND_LAST_S)
