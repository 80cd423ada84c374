"""From frames to pixels and back, and where the ruler's marks stand."""

from dataclasses import dataclass
from fractions import Fraction

SMALLEST_PX_PER_FRAME = 0.02
LARGEST_PX_PER_FRAME = 60.0
LEAST_MARK_PX = 96
SECONDS_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeScale:
    """`left` is the x of frame 0 when nothing is scrolled, `scroll` the pixels scrolled away."""

    px_per_frame: float
    left: int
    scroll: int = 0

    def x_of(self, frame: float) -> float:
        """Return the x of a frame's beginning."""
        return self.left + frame * self.px_per_frame - self.scroll

    def frame_at(self, x: float) -> float:
        """Return the frame at x, with its fraction."""
        return (x - self.left + self.scroll) / self.px_per_frame

    def mark_step(self, frame_rate: Fraction) -> int:
        """Return the frames between two marks with a timecode, at least 96 px apart."""
        second = max(1, round(frame_rate))
        within = [step for step in (1, 2, 5, 10, second // 2) if 0 < step < second]
        for step in [*sorted(within), *(second * seconds for seconds in SECONDS_STEPS)]:
            if step * self.px_per_frame >= LEAST_MARK_PX:
                return step
        return second * SECONDS_STEPS[-1]


def allowed_zoom(px_per_frame: float) -> float:
    """Return a zoom that can be drawn."""
    return min(max(px_per_frame, SMALLEST_PX_PER_FRAME), LARGEST_PX_PER_FRAME)
