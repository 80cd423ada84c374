"""Draws clips: thumbnails along a video, the waveform of a sound, a label."""

import math

import numpy as np
from numpy.typing import NDArray
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
        if right - left < 2:
            return
        xs = np.arange(left, right + 1, 1.0)
        heights = self._loudness(clip, peaks, xs) * (box.height() / 2 - 2)
        middle = box.center().y()
        columns = list(zip(xs.tolist(), np.maximum(heights, 0.5).tolist(), strict=True))
        upper = [QPointF(x, middle - height) for x, height in columns]
        lower = [QPointF(x, middle + height) for x, height in reversed(columns)]
        wave = QColor(colour)
        wave.setAlpha(210)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(wave)
        self._painter.drawPolygon(QPolygonF([*upper, *lower]))

    def _loudness(self, clip: TimelineClip, peaks: Peaks, xs: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the loudness of each column; a sound plays at its own speed, so two times give the line."""
        first, after = clip.source_time_s(clip.start), clip.source_time_s(clip.start + 1)
        frames = (xs - self._scale.x_of(clip.start)) / self._scale.px_per_frame
        return peaks.between((first or 0.0) + frames * ((after or 0.0) - (first or 0.0)))

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
