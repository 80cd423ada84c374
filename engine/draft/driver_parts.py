"""Which parts of which driving videos a scene needs analysed.

A short video is analysed whole, so that trimming a clip neither costs a new analysis nor changes the
neutral frame. Of a long one the parts in use are analysed, rounded outwards, those close together as one.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

from engine.draft.driving_analysis import DriverPart
from engine.media.video_reader import VideoReader
from engine.protocol.clips import DrivingInput

WHOLE_VIDEO_S = 20
MARGIN_S = 1
JOIN_S = 5


def driver_parts(clips: Iterable[DrivingInput]) -> dict[DrivingInput, DriverPart]:
    """Return the part each clip draws its motion from. Raises UserError when a video cannot be read."""
    drivers: dict[tuple[str, int, Fraction | None], list[DrivingInput]] = {}
    for clip in clips:
        drivers.setdefault((clip.content_hash, clip.face_index, clip.neutral_s), []).append(clip)
    parts: dict[DrivingInput, DriverPart] = {}
    for same in drivers.values():
        with VideoReader(same[0].path) as reader:
            duration_s = reader.duration_s
        spans = [(Fraction(0), duration_s)] if duration_s <= WHOLE_VIDEO_S else _spans(same, duration_s)
        for clip in same:
            start_s, end_s = next(
                (span for span in spans if span[0] <= clip.source_in_s < span[1]), spans[-1]
            )
            parts[clip] = DriverPart(
                path=clip.path,
                content_hash=clip.content_hash,
                face_index=clip.face_index,
                neutral_s=clip.neutral_s,
                start_s=start_s,
                end_s=end_s,
            )
    return parts


def _spans(clips: list[DrivingInput], duration_s: Fraction) -> list[tuple[Fraction, Fraction]]:
    spans: list[tuple[Fraction, Fraction]] = []
    for clip in sorted(clips, key=lambda one: one.source_in_s):
        start_s = Fraction(max(0, math.floor(clip.source_in_s) - MARGIN_S))
        end_s = min(duration_s, Fraction(math.ceil(clip.source_out_s) + MARGIN_S))
        if spans and start_s <= spans[-1][1] + JOIN_S:
            spans[-1] = (spans[-1][0], max(end_s, spans[-1][1]))
        else:
            spans.append((start_s, max(end_s, start_s + 1)))
    return spans
