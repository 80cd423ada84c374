"""Where lanes lie, and what is under the pointer."""

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QPointF, QRect, QRectF

from desktop.widgets.timeline.content import (
    CurvePoint,
    HandleSide,
    Lane,
    LaneKind,
    TimelineClip,
    TimelineContent,
    TimelineMarker,
)
from desktop.widgets.timeline.scale import TimeScale

HEAD_PX = 132
RULER_PX = 23
CLIP_LANE_PX = 46
CURVE_LANE_PX = 58
FOLDED_LANE_PX = 20
CLIP_INSET_PX = 4
CURVE_INSET_PX = 9
EDGE_PX = 7
KEY_REACH_PX = 8
MARKER_REACH_PX = 6
HANDLE_REACH_PX = 6


class Part(Enum):
    """What a pointer is on."""

    NOTHING = "nothing"
    RULER = "ruler"
    MARKER = "marker"
    HEAD = "head"
    LANE = "lane"
    CLIP = "clip"
    CLIP_START = "clip_start"
    CLIP_END = "clip_end"
    KEY = "key"
    HANDLE = "handle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What was hit: the part, and the lane, clip, key, handle's side or marker."""

    part: Part
    lane: Lane | None = None
    clip: TimelineClip | None = None
    point: CurvePoint | None = None
    marker: TimelineMarker | None = None
    side: HandleSide | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLayout:
    """Places a content's lanes below the ruler; `scroll_y` pixels are scrolled away."""

    content: TimelineContent
    scale: TimeScale
    width: int
    scroll_y: int = 0

    def lane_rects(self) -> list[tuple[Lane, QRect]]:
        """Return every lane with its whole rectangle, head included."""
        y = RULER_PX - self.scroll_y
        rects = []
        for lane in self.content.lanes:
            height = lane_height(lane)
            rects.append((lane, QRect(0, y, self.width, height)))
            y += height
        return rects

    def content_height(self) -> int:
        """Return the height of all lanes."""
        return sum(lane_height(lane) for lane in self.content.lanes)

    def clip_rect(self, clip: TimelineClip, lane_rect: QRect) -> QRectF:
        """Return where a clip is drawn."""
        left, right = self.scale.x_of(clip.start), self.scale.x_of(clip.end)
        return QRectF(
            left,
            lane_rect.top() + CLIP_INSET_PX,
            max(2.0, right - left),
            lane_rect.height() - 2 * CLIP_INSET_PX - 1,
        )

    def value_y(self, lane: Lane, value: float, lane_rect: QRect) -> float:
        """Return the y of a curve's value."""
        span = lane_rect.height() - 2 * CURVE_INSET_PX - 1
        return lane_rect.top() + CURVE_INSET_PX + (1 - value / lane.highest) * span

    def value_at(self, lane: Lane, y: float, lane_rect: QRect) -> float:
        """Return the value at y, from 0 to the lane's highest."""
        span = lane_rect.height() - 2 * CURVE_INSET_PX - 1
        share = 1 - (y - lane_rect.top() - CURVE_INSET_PX) / span
        return min(max(share, 0.0), 1.0) * lane.highest

    def handle_end(
        self, lane: Lane, point: CurvePoint, handle: tuple[float, float], lane_rect: QRect
    ) -> QPointF:
        """Return where a key's handle ends, given as its offset (frames, value)."""
        value_y = self.value_y(lane, point.value + handle[1], lane_rect)
        return QPointF(self.scale.x_of(point.frame + handle[0]), value_y)

    def rect_of(self, lane_id: str) -> QRect | None:
        """Return a lane's rectangle."""
        return next((rect for lane, rect in self.lane_rects() if lane.lane_id == lane_id), None)

    def hit(self, at: QPointF) -> Hit:
        """Return what lies under a point."""
        if at.y() < RULER_PX:
            return self._hit_ruler(at.x())
        for lane, rect in self.lane_rects():
            if rect.top() <= at.y() < rect.top() + rect.height():
                if at.x() < HEAD_PX:
                    return Hit(part=Part.HEAD, lane=lane)
                if lane.kind is LaneKind.CURVE:
                    return self._hit_key(lane, rect, at)
                return self._hit_clip(lane, rect, at)
        return Hit(part=Part.NOTHING)

    def _hit_ruler(self, x: float) -> Hit:
        if x < HEAD_PX - MARKER_REACH_PX:
            return Hit(part=Part.NOTHING)
        markers = [(abs(self.scale.x_of(marker.frame) - x), marker) for marker in self.content.markers]
        distance, marker = min(markers, key=lambda found: found[0], default=(x, None))
        if marker is not None and distance <= MARKER_REACH_PX:
            return Hit(part=Part.MARKER, marker=marker)
        return Hit(part=Part.RULER if x >= HEAD_PX else Part.NOTHING)

    def _hit_clip(self, lane: Lane, rect: QRect, at: QPointF) -> Hit:
        first, last = self.scale.frame_at(at.x() - EDGE_PX), self.scale.frame_at(at.x() + EDGE_PX)
        for clip in reversed(lane.visible_clips(first, last)):
            box = self.clip_rect(clip, rect)
            if box.contains(at):
                return Hit(part=_clip_part(box, at.x()), lane=lane, clip=clip)
        return Hit(part=Part.LANE, lane=lane)

    def _hit_key(self, lane: Lane, rect: QRect, at: QPointF) -> Hit:
        if lane.folded:
            return Hit(part=Part.LANE, lane=lane)
        first, last = self.scale.frame_at(at.x() - KEY_REACH_PX), self.scale.frame_at(at.x() + KEY_REACH_PX)
        for point in lane.visible_points(first, last):
            if abs(self.value_y(lane, point.value, rect) - at.y()) <= KEY_REACH_PX:
                return Hit(part=Part.KEY, lane=lane, point=point)
        return self._hit_handle(lane, rect, at)

    def _hit_handle(self, lane: Lane, rect: QRect, at: QPointF) -> Hit:
        first, last = self.scale.frame_at(HEAD_PX), self.scale.frame_at(self.width)
        for point in lane.visible_points(first, last):
            for side, handle in ((HandleSide.IN, point.handle_in), (HandleSide.OUT, point.handle_out)):
                away = self.handle_end(lane, point, handle, rect) - at
                if handle[0] and max(abs(away.x()), abs(away.y())) <= HANDLE_REACH_PX:
                    return Hit(part=Part.HANDLE, lane=lane, point=point, side=side)
        return Hit(part=Part.LANE, lane=lane)


def lane_height(lane: Lane) -> int:
    """Return a lane's height in pixels."""
    if lane.kind is LaneKind.CLIPS:
        return CLIP_LANE_PX
    return FOLDED_LANE_PX if lane.folded else CURVE_LANE_PX


def _clip_part(box: QRectF, x: float) -> Part:
    edge = min(EDGE_PX, box.width() / 4)
    if x <= box.left() + edge:
        return Part.CLIP_START
    return Part.CLIP_END if x >= box.right() - edge else Part.CLIP
