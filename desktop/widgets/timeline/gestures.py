"""What dragging does while it lasts: previews as plain contents, and snapping. Committing is the caller's."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from desktop.widgets.timeline.content import CurvePoint, HandleSide, Lane, TimelineClip, TimelineContent

SNAP_PX = 8
SHORTEST_HANDLE = 0.25


class DragKind(Enum):
    """What is being dragged."""

    PLAYHEAD = "playhead"
    MOVE = "move"
    TRIM_START = "trim_start"
    TRIM_END = "trim_end"
    SLIP = "slip"
    KEY = "key"
    MARKER = "marker"
    HANDLE = "handle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drag:
    """A drag from where it began. `shift` is in frames, `value` a key's; `moved` beyond the dead zone.

    `handle` is the offset a key's handle on `side` is dragged to; the other one follows if `joined`.
    """

    kind: DragKind
    origin_x: float
    origin_y: float
    clip_ids: frozenset[str] = frozenset()
    lane_id: str = ""
    marker_id: str = ""
    frame: int = 0
    shift: int = 0
    value: float = 0.0
    moved: bool = False
    side: HandleSide = HandleSide.OUT
    handle: tuple[float, float] = (0.0, 0.0)
    joined: bool = True


def previewed(content: TimelineContent, drag: Drag) -> TimelineContent:
    """Return the content as it would be if the drag ended now."""
    if drag.kind is DragKind.KEY:
        return _with_dragged_key(content, drag)
    if drag.kind is DragKind.HANDLE:
        return _with_dragged_handle(content, drag)
    if drag.kind is DragKind.MARKER:
        return content.with_marker_at(drag.marker_id, drag.frame + drag.shift)
    if drag.kind is DragKind.PLAYHEAD or not drag.moved:
        return content
    clips = [clip for clip in map(content.clip, drag.clip_ids) if clip is not None]
    return content.with_clips({clip.clip_id: _dragged(clip, drag) for clip in clips})


def snapped_shift(content: TimelineContent, drag: Drag, playhead: int, reach_frames: float) -> int:
    """Return the drag's shift, drawn to the playhead, a marker, a scene's end or a clip's edge in reach."""
    dragged = [clip for clip in map(content.clip, drag.clip_ids) if clip is not None]
    edges = [edge for clip in dragged for edge in _moving_edges(clip, drag.kind)]
    targets = set(_snap_targets(content, drag.clip_ids, playhead))
    best = min(
        ((abs(edge + drag.shift - target), target - edge) for edge in edges for target in targets),
        default=(reach_frames + 1, drag.shift),
    )
    return best[1] if best[0] <= reach_frames else drag.shift


def _snap_targets(content: TimelineContent, moving: frozenset[str], playhead: int) -> Iterable[int]:
    yield from (0, content.length, playhead, *(marker.frame for marker in content.markers))
    for lane in content.lanes:
        for clip in lane.clips:
            if clip.clip_id not in moving:
                yield clip.start
                yield clip.end


def _moving_edges(clip: TimelineClip, kind: DragKind) -> tuple[int, ...]:
    if kind is DragKind.MOVE:
        return clip.start, clip.end
    if kind is DragKind.TRIM_START:
        return (clip.start,)
    return (clip.end,) if kind is DragKind.TRIM_END else ()


def _dragged(clip: TimelineClip, drag: Drag) -> TimelineClip:
    shift = drag.shift
    if drag.kind is DragKind.MOVE:
        return replace(
            clip, start=clip.start + shift, source_time_s=lambda frame: clip.source_time_s(frame - shift)
        )
    if drag.kind is DragKind.TRIM_START:
        shift = min(max(shift, -clip.start), clip.length - 1)
        return replace(clip, start=clip.start + shift, length=clip.length - shift)
    if drag.kind is DragKind.TRIM_END:
        return replace(clip, length=max(1, clip.length + shift))
    return replace(clip, source_time_s=lambda frame: clip.source_time_s(frame - shift))


def _with_dragged_key(content: TimelineContent, drag: Drag) -> TimelineContent:
    lane = content.lane(drag.lane_id)
    if lane is None:
        return content
    frame = drag.frame + drag.shift
    others = [point for point in lane.points if point.frame != drag.frame]
    dragged = next((point for point in lane.points if point.frame == drag.frame), None)
    if dragged is None or any(point.frame == frame for point in others):
        return content
    moved: CurvePoint = replace(dragged, frame=frame, value=drag.value)
    points = tuple(sorted([*others, moved], key=lambda point: point.frame))
    return content.with_points(drag.lane_id, points)


def _with_dragged_handle(content: TimelineContent, drag: Drag) -> TimelineContent:
    lane = content.lane(drag.lane_id)
    if lane is None or not drag.moved:
        return content
    points = (shaped(lane, point, drag) if point.frame == drag.frame else point for point in lane.points)
    return content.with_points(drag.lane_id, tuple(points))


def shaped(lane: Lane, point: CurvePoint, drag: Drag) -> CurvePoint:
    """Return a key with the dragged handle, which stays on its side of the key and short of the neighbour.

    The key's other handle, if they are joined, keeps its length and turns to stay in line.
    """
    room = _room(lane, point, drag.side)
    frames = min(max(abs(drag.handle[0]), SHORTEST_HANDLE), room)
    is_out = drag.side is HandleSide.OUT
    forward = drag.handle[0] > 0 if is_out else drag.handle[0] < 0
    reach = frames if forward else min(SHORTEST_HANDLE, room)
    dragged = (reach if is_out else -reach, drag.handle[1])
    other = point.handle_in if is_out else point.handle_out
    if drag.joined and other[0]:
        value = min(max(point.value + other[0] * dragged[1] / dragged[0], 0.0), lane.highest) - point.value
        other = (other[0], value)
    if is_out:
        return replace(point, handle_in=other, handle_out=dragged)
    return replace(point, handle_in=dragged, handle_out=other)


def _room(lane: Lane, point: CurvePoint, side: HandleSide) -> float:
    """Return how many frames there are to the neighbour on a handle's side."""
    if side is HandleSide.OUT:
        return min((p.frame - point.frame for p in lane.points if p.frame > point.frame), default=1.0)
    return min((point.frame - p.frame for p in lane.points if p.frame < point.frame), default=1.0)
