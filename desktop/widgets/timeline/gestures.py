"""What dragging does while it lasts: previews as plain contents, and snapping. Committing is the caller's."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from desktop.widgets.timeline.content import CurvePoint, TimelineClip, TimelineContent

SNAP_PX = 8


class DragKind(Enum):
    """What is being dragged."""

    PLAYHEAD = "playhead"
    MOVE = "move"
    TRIM_START = "trim_start"
    TRIM_END = "trim_end"
    SLIP = "slip"
    KEY = "key"
    MARKER = "marker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drag:
    """A drag from where it began. `shift` is in frames, `value` a key's; `moved` beyond the dead zone."""

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


def previewed(content: TimelineContent, drag: Drag) -> TimelineContent:
    """Return the content as it would be if the drag ended now."""
    if drag.kind is DragKind.KEY:
        return _with_dragged_key(content, drag)
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
