"""The timeline as one painted widget: a cached still layer, the playhead on top, dragging with snap.

Nothing is edited here: finished drags come out as signals in frames, what comes back as content is shown.
"""

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QPointF, QRect, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from desktop.background.media_art import MediaArt
from desktop.theme.theme import Theme
from desktop.widgets.timeline.content import TimelineContent
from desktop.widgets.timeline.gestures import Drag, previewed
from desktop.widgets.timeline.lane_painting import LanePainter
from desktop.widgets.timeline.layout import HEAD_PX, RULER_PX, TimelineLayout
from desktop.widgets.timeline.scale import TimeScale, allowed_zoom

PLAYHEAD_REACH_PX = 7
BEYOND_SHARE = 1.25


class TimelineCanvas(QAbstractScrollArea):
    """Shows a content, its selection and the playhead; zooms and scrolls. `TimelineView` adds the hands."""

    zoom_changed = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._content = TimelineContent()
        self._art: dict[str, MediaArt] = {}
        self._px_per_frame = 4.0
        self._fits = True
        self._playhead = 0
        self._drag: Drag | None = None
        self._selected_clips: frozenset[str] = frozenset()
        self._selected_keys: frozenset[tuple[str, int]] = frozenset()
        self._layer: QPixmap | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.setMinimumHeight(RULER_PX + 46)
        theme.theme_changed.connect(self._refresh)
        self.horizontalScrollBar().valueChanged.connect(self._refresh)
        self.verticalScrollBar().valueChanged.connect(self._refresh)

    @property
    def content(self) -> TimelineContent:
        """What is shown."""
        return self._content

    @property
    def playhead(self) -> int:
        """The frame the playhead is at."""
        return self._playhead

    @property
    def selected_clips(self) -> frozenset[str]:
        """Ids of the selected clips."""
        return self._selected_clips

    @property
    def selected_keys(self) -> frozenset[tuple[str, int]]:
        """Selected keys as (lane id, frame)."""
        return self._selected_keys

    @property
    def px_per_frame(self) -> float:
        """The zoom."""
        return self._px_per_frame

    def set_content(self, content: TimelineContent) -> None:
        """Show another content; a drag that is under way ends without effect."""
        self._content = content
        self._drag = None
        known = {clip.clip_id for lane in content.lanes for clip in lane.clips}
        self._selected_clips &= known
        if self._fits:
            self.fit()
        self._update_scroll_bars()
        self._refresh()

    def set_art(self, art: Mapping[str, MediaArt]) -> None:
        """Say what media look like, by art id."""
        self._art = dict(art)
        self._refresh()

    def set_selected_clips(self, clip_ids: frozenset[str]) -> None:
        """Show clips as selected."""
        if clip_ids != self._selected_clips:
            self._selected_clips = clip_ids
            self._refresh()

    def set_selected_keys(self, keys: frozenset[tuple[str, int]]) -> None:
        """Show keys as selected."""
        if keys != self._selected_keys:
            self._selected_keys = keys
            self._refresh()

    def set_playhead(self, frame: int) -> None:
        """Move the playhead; only its two places are painted again."""
        if frame == self._playhead:
            return
        before = self._playhead_rect()
        self._playhead = frame
        self._keep_playhead_in_sight()
        self.viewport().update(before)
        self.viewport().update(self._playhead_rect())

    def set_zoom(self, px_per_frame: float, anchor_x: float | None = None) -> None:
        """Zoom and keep the frame under `anchor_x` (the playhead without one) in its place."""
        scale = self.scale()
        anchor_x = scale.x_of(self._playhead) if anchor_x is None else anchor_x
        anchor_x = min(max(anchor_x, HEAD_PX), self.viewport().width())
        anchor_frame = scale.frame_at(anchor_x)
        self._fits = False
        self._px_per_frame = allowed_zoom(px_per_frame)
        self._update_scroll_bars()
        scroll = anchor_frame * self._px_per_frame + HEAD_PX - anchor_x
        self.horizontalScrollBar().setValue(round(scroll))
        self._refresh()
        self.zoom_changed.emit(self._px_per_frame)

    def fit(self) -> None:
        """Show the whole scene, also after the window's size changes."""
        room = max(50, self.viewport().width() - HEAD_PX - 24)
        self._px_per_frame = allowed_zoom(room / max(1, self._content.length))
        self._fits = True
        self._update_scroll_bars()
        self.horizontalScrollBar().setValue(0)
        self._refresh()
        self.zoom_changed.emit(self._px_per_frame)

    def scale(self) -> TimeScale:
        """Return how frames become pixels now."""
        return TimeScale(
            px_per_frame=self._px_per_frame, left=HEAD_PX, scroll=self.horizontalScrollBar().value()
        )

    def layout_now(self) -> TimelineLayout:
        """Return where everything lies now, with the drag under way."""
        content = previewed(self._content, self._drag) if self._drag is not None else self._content
        return TimelineLayout(
            content=content,
            scale=self.scale(),
            width=self.viewport().width(),
            scroll_y=self.verticalScrollBar().value(),
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the still layer, made anew only when it changed, and the playhead."""
        if self._layer is None:
            self._layer = self._paint_layer()
        painter = QPainter(self.viewport())
        ratio = self._layer.devicePixelRatio()
        area = event.rect()
        source = QRect(
            round(area.x() * ratio),
            round(area.y() * ratio),
            round(area.width() * ratio),
            round(area.height() * ratio),
        )
        painter.drawPixmap(area, self._layer, source)
        self._paint_playhead(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self._theme.tokens.faint), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.viewport().rect().adjusted(0, 0, -1, -1))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the scene fitted, or the zoom."""
        super().resizeEvent(event)
        if self._fits:
            self.fit()
        self._update_scroll_bars()
        self._refresh()

    def _paint_layer(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        size = self.viewport().size()
        layer = QPixmap(max(1, round(size.width() * ratio)), max(1, round(size.height() * ratio)))
        layer.setDevicePixelRatio(ratio)
        painter = QPainter(layer)
        painter.setFont(self.font())
        LanePainter(
            painter,
            self.layout_now(),
            self._theme.tokens,
            art=self._art,
            selected_clips=self._selected_clips,
            selected_keys=self._shown_keys(),
        ).paint(self.viewport().rect())
        painter.end()
        return layer

    def _shown_keys(self) -> frozenset[tuple[str, int]]:
        drag = self._drag
        if drag is None or not drag.lane_id:
            return self._selected_keys
        return frozenset({(drag.lane_id, drag.frame + drag.shift)})

    def _paint_playhead(self, painter: QPainter) -> None:
        x = self.scale().x_of(self._playhead)
        if x < HEAD_PX - 1 or not self._content.lanes:
            return
        accent = QColor(self._theme.tokens.accent)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(QRect(round(x) - 1, RULER_PX - 8, 2, self.viewport().height()), accent)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        top = RULER_PX - 13.0
        painter.drawPolygon(
            QPolygonF([QPointF(x - 5.5, top), QPointF(x + 5.5, top), QPointF(x, RULER_PX - 3.0)])
        )

    def _playhead_rect(self) -> QRect:
        x = round(self.scale().x_of(self._playhead))
        return QRect(x - PLAYHEAD_REACH_PX, 0, 2 * PLAYHEAD_REACH_PX, self.viewport().height())

    def _keep_playhead_in_sight(self) -> None:
        x, bar = self.scale().x_of(self._playhead), self.horizontalScrollBar()
        room = self.viewport().width() - HEAD_PX
        if self._drag is None and not HEAD_PX <= x <= self.viewport().width() and bar.maximum() > 0:
            bar.setValue(round(self._playhead * self._px_per_frame - room * 0.1))

    def _update_scroll_bars(self) -> None:
        view_width = max(1, self.viewport().width() - HEAD_PX)
        view_height = max(1, self.viewport().height() - RULER_PX)
        length_px = round(self._content.length * self._px_per_frame)
        wide = 0 if self._fits else max(0, round(length_px * BEYOND_SHARE) - view_width)
        horizontal, vertical = self.horizontalScrollBar(), self.verticalScrollBar()
        horizontal.setRange(0, wide)
        horizontal.setPageStep(view_width)
        horizontal.setSingleStep(40)
        layout = TimelineLayout(content=self._content, scale=self.scale(), width=view_width)
        vertical.setRange(0, max(0, layout.content_height() - view_height))
        vertical.setPageStep(view_height)
        vertical.setSingleStep(20)

    def _set_drag(self, drag: Drag | None) -> None:
        self._drag = drag
        self._refresh()

    def _moved_drag(self, shift: int, value: float | None = None) -> None:
        if self._drag is not None:
            value = self._drag.value if value is None else value
            self._set_drag(replace(self._drag, shift=shift, value=value, moved=True))

    def _refresh(self) -> None:
        self._layer = None
        self.viewport().update()
