"""The motion of one driving face over a clip, ready to be drawn at any instant."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEAD_NUMBERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionSample:
    """A driver's motion at one instant, relative to its neutral frame.

    `head` [4]: roll in radians, logarithm of the scale, travel across and along in shares of the face
    frame. `turn` [8]: see `head_turn`. `flow` [grid, grid, 2]: what remains, backward, in shares of the
    face frame. `mouth_bgr` [h, w, 3] and `mouth_inside` [h, w] from 0 to 1: the driver's mouth and which of
    it is its inside. `neutral_gap` [2, w]: how far the neutral mouth itself is open, see
    `mouth_observation`. `skin_bgr` [3]: the skin around the mouth. `seam` [4]: where the lips meet, see
    `mouth_seam`.
    """

    head: NDArray[np.float32]
    turn: NDArray[np.float32]
    flow: NDArray[np.float32]
    mouth_bgr: NDArray[np.float32]
    mouth_inside: NDArray[np.float32]
    neutral_gap: NDArray[np.float32]
    skin_bgr: NDArray[np.float32]
    seam: NDArray[np.float32]

    def mixed_with(
        self, other: "MotionSample", share: float, head_share: float | None = None
    ) -> "MotionSample":
        """Return this motion with `share` of the other's (0: this one, 1: the other); the head may have its
        own.
        """
        head_share = share if head_share is None else head_share
        own, own_head = 1.0 - share, 1.0 - head_share
        return MotionSample(
            head=own_head * self.head + head_share * other.head,
            turn=own_head * self.turn + head_share * other.turn,
            flow=own * self.flow + share * other.flow,
            mouth_bgr=own * self.mouth_bgr + share * other.mouth_bgr,
            mouth_inside=own * self.mouth_inside + share * other.mouth_inside,
            neutral_gap=own * self.neutral_gap + share * other.neutral_gap,
            skin_bgr=own * self.skin_bgr + share * other.skin_bgr,
            seam=own * self.seam + share * other.seam,
        )

    def scaled(self, *, head: float, expression: float) -> "MotionSample":
        """Return this motion with the head's and the expression's parts scaled."""
        return MotionSample(
            head=head * self.head,
            turn=head * self.turn,
            flow=expression * self.flow,
            mouth_bgr=self.mouth_bgr,
            mouth_inside=expression * self.mouth_inside,
            neutral_gap=expression * self.neutral_gap,
            skin_bgr=self.skin_bgr,
            seam=self.seam,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivingMotion:
    """A driver's motion at every analysed frame (see `MotionSample`; stored compactly).

    `times_s` [n] rise. `presence` [n]: how far the expression holds, 0 where the face is lost or turned
    away; all but `neutral_gap` is scaled by it already. `lost_s` are the bridged spans in seconds.
    `neutral_s` is the neutral frame's time.
    """

    times_s: NDArray[np.float64]
    head: NDArray[np.float32]
    turn: NDArray[np.float32]
    flow: NDArray[np.float16]
    mouth_bgr: NDArray[np.uint8]
    mouth_inside: NDArray[np.uint8]
    neutral_gap: NDArray[np.float32]
    skin_bgr: NDArray[np.float32]
    seam: NDArray[np.float32]
    presence: NDArray[np.float32]
    neutral_s: float
    lost_s: tuple[tuple[float, float], ...]

    def at(self, time_s: float) -> MotionSample:
        """Return the motion at a source time; between frames it is mixed, outside it stays."""
        after = int(np.searchsorted(self.times_s, time_s, side="right"))
        if after == 0 or after == len(self.times_s):
            return self._frame(min(after, len(self.times_s) - 1))
        before_s, after_s = self.times_s[after - 1], self.times_s[after]
        share = float((time_s - before_s) / (after_s - before_s))
        first = self._frame(after - 1)
        return first if share < 1e-3 else first.mixed_with(self._frame(after), share)

    def _frame(self, number: int) -> MotionSample:
        return MotionSample(
            head=self.head[number],
            turn=self.turn[number],
            flow=self.flow[number].astype(np.float32),
            mouth_bgr=self.mouth_bgr[number].astype(np.float32),
            mouth_inside=self.mouth_inside[number].astype(np.float32) / 255.0,
            neutral_gap=self.presence[number] * self.neutral_gap,
            skin_bgr=self.skin_bgr,
            seam=self.seam,
        )
