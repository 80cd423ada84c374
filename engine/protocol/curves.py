"""Intensity curves: keyframed values over a scene, and how they are evaluated.

Values are gains around a neutral: 1.0 leaves a driver's motion as it is, 0.0 removes it, 2.0 doubles it.
Body motion is the one exception: it follows FantasyTalking's motion intensity, neutral at 0.5
(arXiv 2504.04842, section 3.4).
"""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum


class Interpolation(StrEnum):
    """How a curve travels from one key to the next."""

    HOLD = "hold"
    LINEAR = "linear"
    BEZIER = "bezier"


class Channel(StrEnum):
    """What an intensity curve scales."""

    EXPRESSION = "expression"
    HEAD = "head"
    EYES = "eyes"
    MOUTH = "mouth"
    EMOTION = "emotion"
    VOICE = "voice"
    BODY_MOTION = "body_motion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """A bezier handle as an offset from its key: `frames` along time, `value` along the value axis."""

    frames: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveKey:
    """One key of a curve. `interpolation` and `handle_out` shape the way to the next key."""

    frame: int
    value: float
    interpolation: Interpolation = Interpolation.LINEAR
    handle_in: Handle = Handle()
    handle_out: Handle = Handle()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """An intensity curve of one channel; `keys` are sorted by frame, no two on one frame."""

    channel: Channel
    keys: tuple[CurveKey, ...]


def neutral_value(channel: Channel) -> float:
    """Return the value of a channel without keys."""
    return 0.5 if channel is Channel.BODY_MOTION else 1.0


def value_at(curve: Curve | None, frame: float, channel: Channel) -> float:
    """Return the value of `channel` at `frame` (project frames); the neutral value without a curve.

    Before the first key and after the last one the curve keeps the value of that key.
    """
    if curve is None or not curve.keys:
        return neutral_value(channel)
    keys = curve.keys
    after = bisect_right(keys, frame, key=lambda key: key.frame)
    if after == 0:
        return keys[0].value
    if after == len(keys):
        return keys[-1].value
    return _between(keys[after - 1], keys[after], frame)


def _between(left: CurveKey, right: CurveKey, frame: float) -> float:
    if left.interpolation is Interpolation.HOLD:
        return left.value
    if left.interpolation is Interpolation.BEZIER:
        return _bezier(left, right, frame)
    share = (frame - left.frame) / (right.frame - left.frame)
    return left.value + share * (right.value - left.value)


def _bezier(left: CurveKey, right: CurveKey, frame: float) -> float:
    """Solve time for the parameter by bisection; handles are kept inside the span so time is monotone."""
    span = right.frame - left.frame
    out_frames = min(max(left.handle_out.frames, 0.0), span)
    in_frames = max(min(right.handle_in.frames, 0.0), -span)
    times = (0.0, out_frames, span + in_frames, float(span))
    values = (
        left.value,
        left.value + left.handle_out.value,
        right.value + right.handle_in.value,
        right.value,
    )
    target = frame - left.frame
    low, high = 0.0, 1.0
    for _ in range(48):
        middle = (low + high) / 2
        if _cubic(times, middle) < target:
            low = middle
        else:
            high = middle
    return _cubic(values, (low + high) / 2)


def _cubic(points: tuple[float, float, float, float], t: float) -> float:
    s = 1.0 - t
    return (
        s * s * s * points[0] + 3 * s * s * t * points[1] + 3 * s * t * t * points[2] + t * t * t * points[3]
    )
