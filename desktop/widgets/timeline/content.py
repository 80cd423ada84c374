"""What a timeline shows, as plain values: lanes of clips and curves. Frames are integer project frames."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from itertools import accumulate


class LaneKind(Enum):
    """What a lane holds."""

    CLIPS = "clips"
    CURVE = "curve"


class Leaving(Enum):
    """How a curve travels from one key to the next."""

    STEP = "step"
    STRAIGHT = "straight"
    SMOOTH = "smooth"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineClip:
    """A clip. `source_time_s` gives the second of its source at a frame, None where it shows nothing."""

    clip_id: str
    start: int
    length: int
    label: str
    art_id: str
    is_sound: bool
    source_time_s: Callable[[int], float | None]

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self.start + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A key of a curve and how the curve leaves it; handles are offsets in (frames, value)."""

    frame: int
    value: float
    handle_in: tuple[float, float] = (0.0, 0.0)
    handle_out: tuple[float, float] = (0.0, 0.0)
    leaves: Leaving = Leaving.STRAIGHT


Points = tuple[CurvePoint, ...]


class HandleSide(Enum):
    """On which side of its key a handle is."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A horizontal strip. `title` is the track's name on its first lane, the channel's on a curve lane.

    Clips are sorted by start. `neutral` is a curve's dotted line, `highest` the top of its lane; `settle`
    gives keys that were dragged the handles they will have.
    """

    lane_id: str
    track_id: str
    kind: LaneKind
    title: str
    colour: str
    is_first: bool = False
    folded: bool = False
    hint: str = ""
    clips: tuple[TimelineClip, ...] = ()
    points: Points = ()
    neutral: float = 1.0
    highest: float = 2.0
    settle: Callable[[Points], Points] | None = None
    running_ends: tuple[int, ...] = field(init=False, default=(), repr=False)

    def __post_init__(self) -> None:
        """Note the latest end up to each clip: it never falls, so it can be searched."""
        object.__setattr__(self, "running_ends", tuple(accumulate((clip.end for clip in self.clips), max)))

    def visible_clips(self, first: float, last: float) -> tuple[TimelineClip, ...]:
        """Return the clips that touch frames `first` to `last`, by bisection over starts and running ends."""
        end = bisect_right(self.clips, last, key=lambda clip: clip.start)
        begin = bisect_left(self.running_ends, first)
        return tuple(clip for clip in self.clips[begin:end] if clip.end >= first)

    def visible_points(self, first: float, last: float) -> Points:
        """Return the keys from frame `first` to `last`."""
        begin = bisect_left(self.points, first, key=lambda point: point.frame)
        end = bisect_right(self.points, last, key=lambda point: point.frame)
        return self.points[begin:end]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineMarker:
    """A named frame on the ruler."""

    marker_id: str
    frame: int
    name: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineContent:
    """A whole timeline."""

    lanes: tuple[Lane, ...] = ()
    length: int = 1
    frame_rate: Fraction = Fraction(24)
    markers: tuple[TimelineMarker, ...] = ()

    def lane(self, lane_id: str) -> Lane | None:
        """Return a lane."""
        return next((lane for lane in self.lanes if lane.lane_id == lane_id), None)

    def clip(self, clip_id: str) -> TimelineClip | None:
        """Return a clip."""
        return next((clip for lane in self.lanes for clip in lane.clips if clip.clip_id == clip_id), None)

    def with_marker_at(self, marker_id: str, frame: int) -> "TimelineContent":
        """Return the content with a marker at another frame."""
        markers = (
            replace(marker, frame=frame) if marker.marker_id == marker_id else marker
            for marker in self.markers
        )
        return replace(self, markers=tuple(markers))

    def clips(self) -> tuple[TimelineClip, ...]:
        """Return all clips by start."""
        return tuple(sorted((c for lane in self.lanes for c in lane.clips), key=lambda clip: clip.start))

    def with_clips(self, changed: dict[str, TimelineClip]) -> "TimelineContent":
        """Return the content with some clips replaced, by id."""
        return replace(
            self, lanes=tuple(_with_clips(lane, changed) if lane.clips else lane for lane in self.lanes)
        )

    def with_points(self, lane_id: str, points: Points) -> "TimelineContent":
        """Return the content with another curve on one lane."""
        lanes = (_with_points(lane, points) if lane.lane_id == lane_id else lane for lane in self.lanes)
        return replace(self, lanes=tuple(lanes))


def _with_points(lane: Lane, points: Points) -> Lane:
    return replace(lane, points=lane.settle(points) if lane.settle is not None else points)


def _with_clips(lane: Lane, changed: dict[str, TimelineClip]) -> Lane:
    clips = sorted((changed.get(clip.clip_id, clip) for clip in lane.clips), key=lambda clip: clip.start)
    return replace(lane, clips=tuple(clips))
