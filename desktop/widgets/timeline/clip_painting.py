"""Draws clips: thumbnails along a video, the waveform of a sound, a label."""

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPen, QPolygonF

from desktop.background.media_art import MediaArt, Peaks, Strip
from desktop.theme.tokens import Tokens
from desktop.widgets.timeline.content import TimelineClip
from desktop.widgets.timeline.scale import TimeScale

LEAST_LABEL_PX = 30
CORNER_PX = 4.0
LABEL_BACK = QColor(15, 16, 18, 175)
LABEL_TEXT = QColor("#ffffff")


class ClipPainter:
    """Paints clips with what is known of their media; `visible` limits the work to what can be seen."""

    def __init__(self, painter: QPainter, scale: TimeScale, tokens: Tokens, visible: QRectF) -> None:
        self._painter = painter
        self._scale = scale
        self._tokens = tokens
        self._visible = visible

    def paint(
        self, clip: TimelineClip, box: QRectF, art: MediaArt | None, *, colour: QColor, selected: bool
    ) -> None:
        """Paint one clip into `box`."""
        painter = self._painter
        outline = QPainterPath()
        outline.addRoundedRect(box, CORNER_PX, CORNER_PX)
        painter.fillPath(outline, QColor(self._tokens.raised))
        painter.save()
        painter.setClipPath(outline, Qt.ClipOperation.IntersectClip)
        if art is not None and art.strip is not None and not clip.is_sound:
            self._paint_strip(clip, box, art.strip)
        elif art is not None and art.peaks is not None:
            self._paint_peaks(clip, box, art.peaks, colour)
        self._paint_label(clip.label, box)
        painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        pen = QPen(QColor(self._tokens.text) if selected else colour, 2.0 if selected else 1.0)
        painter.setPen(pen)
        inset = pen.widthF() / 2
        painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), CORNER_PX, CORNER_PX)

    def _paint_strip(self, clip: TimelineClip, box: QRectF, strip: Strip) -> None:
        first = strip.pictures[0]
        width = max(8.0, box.height() * first.width() / max(1, first.height()))
        start = max(0, math.floor((self._visible.left() - box.left()) / width))
        x = box.left() + start * width
        while x < min(box.right(), self._visible.right()):
            picture = self._picture_at(clip, strip, x + width / 2)
            if picture is not None:
                self._painter.drawImage(QRectF(x, box.top(), width, box.height()), picture)
            x += width

    def _picture_at(self, clip: TimelineClip, strip: Strip, x: float) -> QImage | None:
        frame = min(max(int(self._scale.frame_at(x)), clip.start), clip.end - 1)
        time_s = clip.source_time_s(frame)
        if time_s is None:
            return None
        return strip.pictures[min(len(strip.pictures) - 1, int(time_s / strip.interval_s))]

    def _paint_peaks(self, clip: TimelineClip, box: QRectF, peaks: Peaks, colour: QColor) -> None:
        left = max(box.left(), self._visible.left())
        right = min(box.right(), self._visible.right())
        middle, reach = box.center().y(), box.height() / 2 - 2
        upper, lower = QPolygonF(), QPolygonF()
        x = left
        while x <= right:
            height = max(0.5, self._loudness(clip, peaks, x) * reach)
            upper.append(QPointF(x, middle - height))
            lower.append(QPointF(x, middle + height))
            x += 1.0
        for index in range(lower.size() - 1, -1, -1):
            upper.append(lower.at(index))
        wave = QColor(colour)
        wave.setAlpha(210)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(wave)
        self._painter.drawPolygon(upper)

    def _loudness(self, clip: TimelineClip, peaks: Peaks, x: float) -> float:
        first = self._source_s(clip, self._scale.frame_at(x))
        last = self._source_s(clip, self._scale.frame_at(x + 1.0))
        if first is None or last is None:
            return 0.0
        begin = int(min(first, last) * peaks.per_s)
        values = peaks.values[begin : max(begin + 1, int(max(first, last) * peaks.per_s))]
        return max(values, default=0.0)

    def _source_s(self, clip: TimelineClip, frame: float) -> float | None:
        whole = min(max(math.floor(frame), clip.start), clip.end - 1)
        here, after = clip.source_time_s(whole), clip.source_time_s(min(whole + 1, clip.end - 1))
        if here is None or after is None or after < here:
            return here
        return here + (after - here) * (frame - whole)

    def _paint_label(self, label: str, box: QRectF) -> None:
        if box.width() < LEAST_LABEL_PX:
            return
        painter = self._painter
        metrics = QFontMetricsF(painter.font())
        left = max(box.left(), self._visible.left()) + 5
        room = box.right() - left - 15
        if room < LEAST_LABEL_PX:
            return
        text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, room)
        back = QRectF(left, box.bottom() - 18, metrics.horizontalAdvance(text) + 10, 15)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(LABEL_BACK)
        painter.drawRoundedRect(back, 3, 3)
        painter.setPen(LABEL_TEXT)
        painter.drawText(back, Qt.AlignmentFlag.AlignCenter, text)
