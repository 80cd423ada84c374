"""Frame times as they were meant: where the rate is constant, times rounded to milliseconds are put right."""

from collections.abc import Iterator
from fractions import Fraction

from av.video.stream import VideoStream

from engine.media.frame_index import FrameIndex

_FINE_TICK_S = Fraction(1, 10_000)
_USUAL_RATES = (
    *(Fraction(whole) for whole in (24, 25, 30, 48, 50, 60, 12, 15, 16, 18, 20, 23, 100, 120)),
    *(Fraction(whole * 1000, 1001) for whole in (24, 30, 48, 60, 120)),
)


def constant_rate(index: FrameIndex, stream: VideoStream) -> Fraction | None:
    """Return the rate whose times, rounded to the file's clock, are the file's; None for a varying rate."""
    if len(index.shown) < 2:
        return stream.average_rate or stream.guessed_rate
    return next((rate for rate in _candidates(index, stream) if _fits(index, rate)), None)


def frame_times(index: FrameIndex, rate: Fraction | None) -> tuple[Fraction, ...]:
    """Return the seconds at which frames are first shown, exact where the rate is constant."""
    if rate is not None:
        return tuple(number / rate for number in range(len(index.shown)))
    return tuple((pts - index.shown[0]) * index.time_base for pts in index.shown)


def rounding_slack(time_base: Fraction) -> Fraction:
    """Return by how many ticks a frame may come before its stamp: half of one where ticks are coarse."""
    return Fraction(1, 2) if time_base > _FINE_TICK_S else Fraction(0)


def _candidates(index: FrameIndex, stream: VideoStream) -> Iterator[Fraction]:
    yield from (rate for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate)
    yield from _USUAL_RATES
    span_s = (index.shown[-1] - index.shown[0]) * index.time_base
    yield ((len(index.shown) - 1) / span_s).limit_denominator(1001)


def _fits(index: FrameIndex, rate: Fraction) -> bool:
    """Return whether no frame is more than one tick of the file's clock, and a quarter frame, from where it
    belongs.
    """
    step = 1 / (rate * index.time_base)
    slack = 1 if step >= 4 else step / 4
    first, up, down = index.shown[0], step.numerator, step.denominator
    return all(
        abs((pts - first) * down - number * up) <= slack * down for number, pts in enumerate(index.shown)
    )
