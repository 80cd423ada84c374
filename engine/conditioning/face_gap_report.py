"""What is told of frames in which a driver's face was not found."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

MOST_SENTENCES = 5


def gap_report(path: Path, times: Sequence[Fraction], gaps: Sequence[range]) -> tuple[str, ...]:
    """Return a sentence for each gap (a run of frame numbers) of a clip with frames at `times`; one for all
    where there are many.
    """
    if len(gaps) <= MOST_SENTENCES:
        return tuple(
            f"In “{path.name}” no face was found {_span(times, gap)} ({_frames(len(gap))}); "
            f"{_remedy(times, gap)}."
            for gap in gaps
        )
    lost, longest = sum(map(len, gaps)), max(gaps, key=len)
    return (
        f"In “{path.name}” no face was found in {lost} of {_frames(len(times))} ({len(gaps)} gaps, the "
        f"longest {_span(times, longest)}); the expression was interpolated.",
    )


def _span(times: Sequence[Fraction], gap: range) -> str:
    start_s = float(times[gap.start])
    if gap.stop == len(times):
        return f"from {start_s:.2f} s on"
    return f"from {start_s:.2f} s to {float(times[gap.stop]):.2f} s"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _remedy(times: Sequence[Fraction], gap: range) -> str:
    if gap.start == 0:
        return "the first expression found was used"
    if gap.stop == len(times):
        return "the last expression found was held"
    return "the expression was interpolated"
