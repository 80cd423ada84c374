"""A character's driving clips as one motion over the scene, without pops where clips start, end, meet or
loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from engine.draft.driving_motion import DrivingMotion, MotionSample
from engine.protocol.clips import DrivingInput, LoopMode, driving_clip_at, source_time_s

EXPRESSION_EASE_S = Fraction(1, 8)
HEAD_EASE_S = Fraction(3, 10)
FRAMES_BEYOND = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenMoment:
    """The drivers' motion at a frame and how much of the frame is driven: 0 leaves it to the idle motion."""

    sample: MotionSample | None
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Frames [first, end) in which one clip drives without a break."""

    first: int
    end: int
    clip: DrivingInput


def eased(share: float) -> float:
    """Return the smooth step of a share, clamped to 0..1."""
    inside = min(max(share, 0.0), 1.0)
    return inside * inside * (3.0 - 2.0 * inside)


class ClipMotion:
    """The clips of one character. `motion_of` gives a clip's analysed motion."""

    def __init__(
        self,
        clips: tuple[DrivingInput, ...],
        motion_of: Callable[[DrivingInput], DrivingMotion],
        frame_rate: Fraction,
        frame_count: int,
    ) -> None:
        self._motion_of = motion_of
        self._rate = frame_rate
        self._spans = _spans(clips, frame_rate, frame_count)

    def at(self, frame: int) -> DrivenMoment:
        """Return the motion at a project frame."""
        for number, span in enumerate(self._spans):
            if span.first <= frame < span.end:
                before = self._spans[number - 1] if number else None
                after = self._spans[number + 1] if number + 1 < len(self._spans) else None
                return self._driven(span, before, after, frame)
        return DrivenMoment(sample=None, share=0.0)

    def _driven(self, span: _Span, before: _Span | None, after: _Span | None, frame: int) -> DrivenMoment:
        sample = self._sample(span.clip, frame)
        joins = before is not None and before.end == span.first
        leaves = after is None or after.first != span.end
        if joins and before is not None:
            shift, head_shift = (
                eased((frame - span.first + 1) / (self._ease_frames(ease_s, span) + 1))
                for ease_s in (EXPRESSION_EASE_S, HEAD_EASE_S)
            )
            if head_shift < 1.0:
                sample = self._sample(before.clip, before.end - 1).mixed_with(sample, shift, head_shift)
        head = self._presence(span, frame, HEAD_EASE_S, not joins, leaves)
        expression = self._presence(span, frame, EXPRESSION_EASE_S, not joins, leaves)
        return DrivenMoment(sample=sample.scaled(head=head, expression=expression), share=expression)

    def _presence(self, span: _Span, frame: int, ease_s: Fraction, enters: bool, leaves: bool) -> float:
        """Return how far the clip is faded in and not yet out; 0 at the first frame of a clip that enters."""
        ease = self._ease_frames(ease_s, span)
        if ease == 0:
            return 1.0
        inward = eased((frame - span.first) / ease) if enters else 1.0
        outward = eased((span.end - frame) / (ease + 1)) if leaves else 1.0
        return inward * outward

    def _ease_frames(self, ease_s: Fraction, span: _Span) -> int:
        return min(max(2, round(ease_s * self._rate)), (span.end - span.first) // 4)

    def _sample(self, clip: DrivingInput, frame: int) -> MotionSample:
        """Return the clip's motion; just after a loop's seam it comes smoothly from the loop's end."""
        motion = self._motion_of(clip)
        time_s = source_time_s(clip, frame, self._rate)
        if time_s is None:
            time_s = clip.source_out_s
        sample = motion.at(float(time_s))
        span_s = clip.source_out_s - clip.source_in_s
        elapsed_s = (frame - clip.start_frame) / self._rate * clip.speed
        if clip.loop_mode is not LoopMode.LOOP or elapsed_s < span_s:
            return sample
        since = float(elapsed_s % span_s)
        shift, head_shift = (
            eased((since + float(clip.speed / self._rate) / 2) / float(min(ease_s * clip.speed, span_s / 4)))
            for ease_s in (EXPRESSION_EASE_S, HEAD_EASE_S)
        )
        if head_shift >= 1.0:
            return sample
        return motion.at(float(clip.source_out_s)).mixed_with(sample, shift, head_shift)


def _spans(clips: tuple[DrivingInput, ...], frame_rate: Fraction, frame_count: int) -> list[_Span]:
    first = max(min((clip.start_frame for clip in clips), default=0), -FRAMES_BEYOND)
    spans: list[_Span] = []
    for frame in range(first, frame_count + FRAMES_BEYOND):
        clip = driving_clip_at(clips, frame)
        if clip is None or source_time_s(clip, frame, frame_rate) is None:
            continue
        if spans and spans[-1].end == frame and spans[-1].clip is clip:
            spans[-1] = _Span(first=spans[-1].first, end=frame + 1, clip=clip)
        else:
            spans.append(_Span(first=frame, end=frame + 1, clip=clip))
    return spans
