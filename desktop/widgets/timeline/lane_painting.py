"""Draws the timeline's still layer: ruler, heads, lanes, clips, curves. The playhead is not part of it."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from desktop.background.media_art import MediaArt
from desktop.state.playback import timecode
from desktop.theme.tokens import Tokens
from desktop.widgets.timeline.clip_painting import ClipPainter
from desktop.widgets.timeline.content import CurvePoint, Lane, LaneKind, Leaving, TimelineMarker
from desktop.widgets.timeline.layout import HEAD_PX, RULER_PX, TimelineLayout

SMALL_PX = 11
KEY_PX = 5.0
HANDLE_PX = 2.5
MARKER_PX = 5.0


class LanePainter:
    """Paints a layout in a theme. `selected_keys` are (lane id, frame)."""

    def __init__(
        self,
        painter: QPainter,
        layout: TimelineLayout,
        tokens: Tokens,
        *,
        art: Mapping[str, MediaArt],
        selected_clips: frozenset[str],
        selected_keys: frozenset[tuple[str, int]],
    ) -> None:
        self._painter = painter
        self._layout = layout
        self._tokens = tokens
        self._art = art
        self._selected_clips = selected_clips
        self._selected_keys = selected_keys
        self._plain = painter.font()
        self._small = QFont(self._plain)
        self._small.setPixelSize(SMALL_PX)
        self._bold = QFont(self._plain)
        self._bold.setWeight(QFont.Weight.DemiBold)

    def paint(self, area: QRect) -> None:
        """Paint everything that shows in `area`, the whole viewport."""
        self._painter.fillRect(area, QColor(self._tokens.window))
        for lane, rect in self._layout.lane_rects():
            if rect.bottom() >= RULER_PX and rect.top() <= area.bottom():
                self._paint_lane(lane, rect, area)
        self._paint_ruler(area)

    def _paint_lane(self, lane: Lane, rect: QRect, area: QRect) -> None:
        painter = self._painter
        body = QRect(HEAD_PX, rect.top(), area.width() - HEAD_PX, rect.height())
        painter.save()
        painter.setClipRect(body)
        self._paint_scene_end(body)
        if lane.kind is LaneKind.CLIPS:
            self._paint_clips(lane, rect, QRectF(body))
        else:
            self._paint_curve(lane, rect, body)
        painter.restore()
        self._paint_head(lane, rect)
        painter.fillRect(QRect(0, rect.bottom(), area.width(), 1), QColor(self._tokens.line))

    def _paint_scene_end(self, body: QRect) -> None:
        end = round(self._layout.scale.x_of(self._layout.content.length))
        if end < body.right():
            beyond = QColor(self._tokens.panel)
            beyond.setAlpha(140)
            self._painter.fillRect(
                QRect(max(end, body.left()), body.top(), body.right() - end + 1, body.height()), beyond
            )

    def _paint_head(self, lane: Lane, rect: QRect) -> None:
        painter, tokens = self._painter, self._tokens
        painter.fillRect(QRect(0, rect.top(), HEAD_PX, rect.height()), QColor(tokens.raised))
        painter.fillRect(QRect(0, rect.top(), 3, rect.height()), QColor(tokens.character(lane.colour)))
        painter.setFont(self._bold if lane.is_first else self._plain)
        painter.setPen(QColor(tokens.text if lane.is_first else tokens.secondary))
        left = 13 if lane.is_first else 23
        if lane.kind is LaneKind.CURVE:
            self._paint_fold_mark(QPointF(15, rect.top() + min(rect.height() / 2, 17)), folded=lane.folded)
        room = HEAD_PX - left - 6
        metrics = QFontMetricsF(painter.font())
        title = metrics.elidedText(lane.title, Qt.TextElideMode.ElideRight, room)
        top = rect.top() if lane.kind is LaneKind.CURVE and lane.folded else rect.top() + 7
        height = rect.height() if lane.kind is LaneKind.CURVE and lane.folded else 20
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left, top, room, height), flags, title)

    def _paint_fold_mark(self, at: QPointF, *, folded: bool) -> None:
        x, y = at.x(), at.y()
        if folded:
            shape = QPolygonF([QPointF(x - 2, y - 3), QPointF(x + 2, y), QPointF(x - 2, y + 3)])
        else:
            shape = QPolygonF([QPointF(x - 3, y - 2), QPointF(x + 3, y - 2), QPointF(x, y + 2)])
        self._painter.save()
        self._painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(QColor(self._tokens.secondary))
        self._painter.drawPolygon(shape)
        self._painter.restore()

    def _paint_clips(self, lane: Lane, rect: QRect, visible: QRectF) -> None:
        scale, painter = self._layout.scale, self._painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(self._small)
        clips = lane.visible_clips(scale.frame_at(visible.left()), scale.frame_at(visible.right()))
        colour = QColor(self._tokens.character(lane.colour))
        clip_painter = ClipPainter(painter, scale, self._tokens, visible)
        for clip in clips:
            box = self._layout.clip_rect(clip, rect)
            selected = clip.clip_id in self._selected_clips
            clip_painter.paint(clip, box, self._art.get(clip.art_id), colour=colour, selected=selected)
        if not lane.clips and lane.hint:
            painter.setPen(QColor(self._tokens.secondary))
            hint_box = visible.adjusted(12, 0, -12, 0)
            painter.drawText(hint_box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, lane.hint)

    def _paint_curve(self, lane: Lane, rect: QRect, body: QRect) -> None:
        if lane.folded or not lane.points:
            return
        painter, layout = self._painter, self._layout
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        neutral = round(layout.value_y(lane, lane.neutral, rect)) + 0.5
        painter.setPen(QPen(QColor(self._tokens.faint), 1.0, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(body.left(), neutral), QPointF(body.right(), neutral))
        colour = QColor(self._tokens.character(lane.colour))
        painter.setPen(QPen(colour, 2.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._curve_line(lane, rect))
        first, last = layout.scale.frame_at(body.left() - 60), layout.scale.frame_at(body.right() + 60)
        for point in lane.visible_points(first, last):
            self._paint_key(lane, point, rect, colour)

    def _curve_line(self, lane: Lane, rect: QRect) -> QPainterPath:
        """Return the curve exactly: a step, a line or a cubic for each pair of keys, level at both ends."""
        layout, points = self._layout, lane.points
        path = QPainterPath(QPointF(layout.scale.x_of(0), layout.value_y(lane, points[0].value, rect)))
        path.lineTo(self._key_at(lane, points[0], rect))
        for left, right in pairwise(points):
            start, end = self._key_at(lane, left, rect), self._key_at(lane, right, rect)
            if left.leaves is Leaving.STEP:
                path.lineTo(end.x(), start.y())
                path.lineTo(end)
            elif left.leaves is Leaving.STRAIGHT:
                path.lineTo(end)
            else:
                span = right.frame - left.frame
                out_frames = min(max(left.handle_out[0], 0.0), span)
                in_frames = max(min(right.handle_in[0], 0.0), -span)
                path.cubicTo(
                    self._layout.handle_end(lane, left, (out_frames, left.handle_out[1]), rect),
                    self._layout.handle_end(lane, right, (in_frames, right.handle_in[1]), rect),
                    end,
                )
        scene_end = layout.scale.x_of(layout.content.length)
        if path.currentPosition().x() < scene_end:
            path.lineTo(scene_end, path.currentPosition().y())
        return path

    def _key_at(self, lane: Lane, point: CurvePoint, rect: QRect) -> QPointF:
        return self._layout.handle_end(lane, point, (0.0, 0.0), rect)

    def _paint_key(self, lane: Lane, point: CurvePoint, rect: QRect, colour: QColor) -> None:
        painter = self._painter
        centre = self._key_at(lane, point, rect)
        for handle in (point.handle_in, point.handle_out):
            if handle[0]:
                end = self._layout.handle_end(lane, point, handle, rect)
                painter.setPen(QPen(colour, 1.0))
                painter.drawLine(centre, end)
                painter.setBrush(QColor(self._tokens.window))
                painter.drawEllipse(end, HANDLE_PX, HANDLE_PX)
        selected = (lane.lane_id, point.frame) in self._selected_keys
        painter.setPen(QPen(colour, 1.5))
        painter.setBrush(colour if selected else QColor(self._tokens.window))
        painter.drawPolygon(diamond(centre, KEY_PX))

    def _paint_ruler(self, area: QRect) -> None:
        painter, tokens = self._painter, self._tokens
        painter.fillRect(QRect(0, 0, area.width(), RULER_PX), QColor(tokens.panel))
        painter.fillRect(QRect(0, RULER_PX - 1, area.width(), 1), QColor(tokens.line))
        painter.save()
        painter.setClipRect(QRect(HEAD_PX, 0, area.width() - HEAD_PX, RULER_PX))
        painter.setFont(self._small)
        self._paint_marks(area, self._layout.content.frame_rate)
        for marker in self._layout.content.markers:
            self._paint_marker(marker, area)
        painter.restore()

    def _paint_marker(self, marker: TimelineMarker, area: QRect) -> None:
        """Draw a small flag at the top of the ruler; its name shows as a tool tip."""
        x = self._layout.scale.x_of(marker.frame)
        if not HEAD_PX - MARKER_PX <= x <= area.right() + MARKER_PX:
            return
        painter = self._painter
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._tokens.panel), 1.0))
        painter.setBrush(QColor(self._tokens.character(marker.colour)))
        foot, side = MARKER_PX * 2, MARKER_PX
        corners = ((-side, 1), (side, 1), (side, side + 2), (0, foot), (-side, side + 2))
        painter.drawPolygon(QPolygonF([QPointF(x + across, down) for across, down in corners]))
        painter.restore()

    def _paint_marks(self, area: QRect, frame_rate: Fraction) -> None:
        painter, scale = self._painter, self._layout.scale
        step = scale.mark_step(frame_rate)
        frame = max(0, int(scale.frame_at(HEAD_PX)) // step * step)
        while (x := scale.x_of(frame)) <= area.right():
            painter.fillRect(QRectF(round(x), 6, 1, RULER_PX - 12), QColor(self._tokens.line))
            painter.setPen(QColor(self._tokens.secondary))
            text_box = QRectF(x + 5, 0, scale.px_per_frame * step, RULER_PX - 1)
            painter.drawText(text_box, Qt.AlignmentFlag.AlignVCenter, timecode(frame, frame_rate))
            frame += step


def diamond(centre: QPointF, reach: float) -> QPolygonF:
    """Return a diamond around a point."""
    return QPolygonF(
        [
            QPointF(centre.x(), centre.y() - reach),
            QPointF(centre.x() + reach, centre.y()),
            QPointF(centre.x(), centre.y() + reach),
            QPointF(centre.x() - reach, centre.y()),
        ]
    )
