"""The timeline under the hand: mouse, wheel, keys and drops, told as signals in project frames."""

from dataclasses import replace

from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from desktop.theme.theme import Theme
from desktop.widgets.timeline.canvas import TimelineCanvas
from desktop.widgets.timeline.content import HandleSide, LaneKind, TimelineClip, TimelineMarker
from desktop.widgets.timeline.gestures import SNAP_PX, Drag, DragKind, shaped, snapped_shift
from desktop.widgets.timeline.layout import HEAD_PX, Hit, Part

DEAD_ZONE_PX = 3
ZOOM_STEP = 1.25
WHEEL_NOTCH = 120
MEDIA_MIME = "application/x-masque-media"
CURSORS = {
    Part.CLIP_START: Qt.CursorShape.SizeHorCursor,
    Part.CLIP_END: Qt.CursorShape.SizeHorCursor,
    Part.CLIP: Qt.CursorShape.OpenHandCursor,
    Part.MARKER: Qt.CursorShape.PointingHandCursor,
    Part.KEY: Qt.CursorShape.PointingHandCursor,
    Part.HANDLE: Qt.CursorShape.SizeAllCursor,
    Part.HEAD: Qt.CursorShape.PointingHandCursor,
}
CLIP_DRAGS = {
    Part.CLIP: DragKind.MOVE,
    Part.CLIP_START: DragKind.TRIM_START,
    Part.CLIP_END: DragKind.TRIM_END,
}


class TimelineView(TimelineCanvas):
    """The timeline as a person works with it. Shifts of clips, their edges and their source are in frames."""

    playhead_dragged = Signal(int)
    track_chosen = Signal(str)
    lane_fold_toggled = Signal(str)
    clips_chosen = Signal(object)
    clips_shifted = Signal(object, int)
    clip_start_trimmed = Signal(str, int)
    clip_end_trimmed = Signal(str, int)
    clip_slipped = Signal(str, int)
    clips_deleted = Signal(object)
    key_added = Signal(str, int, float)
    key_moved = Signal(str, int, int, float)
    key_shaped = Signal(str, int, object, object)
    keys_deleted = Signal(object)
    marker_moved = Signal(str, int)
    media_dropped = Signal(str, int, object)
    menu_wanted = Signal(object, object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._snaps = True
        self.setAcceptDrops(True)
        self.viewport().setAcceptDrops(True)
        self.setAccessibleName(self.tr("Timeline"))
        self.setAccessibleDescription(
            self.tr(
                "Arrow keys step, control and arrow keys choose a clip, alt and arrow keys move it, "
                "delete removes it."
            )
        )

    @property
    def snaps(self) -> bool:
        """Whether dragging is drawn to edges and the playhead."""
        return self._snaps

    def set_snaps(self, snaps: bool) -> None:
        """Snap or not."""
        self._snaps = snaps

    # ---- mouse ----

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag, choose what is under the pointer, or move the playhead."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        hit = self.layout_now().hit(event.position())
        if hit.lane is not None:
            self.track_chosen.emit(hit.lane.track_id)
        if hit.part is Part.RULER:
            self._set_drag(self._new_drag(DragKind.PLAYHEAD, event.position()))
            self._drag_playhead(event.position().x())
        elif hit.marker is not None:
            self._press_marker(hit.marker, event.position())
        elif hit.part is Part.HEAD and hit.lane is not None:
            if hit.lane.kind is LaneKind.CURVE:
                self.lane_fold_toggled.emit(hit.lane.lane_id)
        elif hit.clip is not None:
            self._press_clip(hit, hit.clip, event)
        elif hit.part in (Part.KEY, Part.HANDLE):
            joined = not event.modifiers() & Qt.KeyboardModifier.AltModifier
            self._press_key(hit, event.position(), joined=joined)
        else:
            self._choose_clips(frozenset())
            self.set_selected_keys(frozenset())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on dragging, or show what the pointer would do."""
        drag = self._drag
        if drag is None:
            self._show_cursor(event)
            return
        if drag.kind is DragKind.PLAYHEAD:
            self._drag_playhead(event.position().x())
            return
        across = event.position().x() - drag.origin_x
        down = event.position().y() - drag.origin_y
        if not drag.moved and max(abs(across), abs(down)) < DEAD_ZONE_PX:
            return
        shift = round(across / self.px_per_frame)
        if drag.kind is DragKind.KEY:
            self._drag_key(shift, event.position().y())
            return
        if drag.kind is DragKind.HANDLE:
            self._drag_handle(drag, event.position())
            return
        if drag.kind is DragKind.MARKER:
            self._moved_drag(max(shift, -drag.frame))
            return
        self._moved_drag(shift)
        if self._snaps and self._drag is not None:
            reach = SNAP_PX / self.px_per_frame
            self._moved_drag(snapped_shift(self.content, self._drag, self.playhead, reach))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag and tell what it comes to."""
        drag = self._drag
        if drag is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._set_drag(None)
        if not drag.moved:
            return
        if drag.kind is DragKind.KEY:
            self.key_moved.emit(drag.lane_id, drag.frame, max(0, drag.frame + drag.shift), drag.value)
            self.set_selected_keys(frozenset({(drag.lane_id, max(0, drag.frame + drag.shift))}))
        elif drag.kind is DragKind.HANDLE:
            self._tell_handle_drag(drag)
        elif drag.kind is DragKind.MARKER:
            self.marker_moved.emit(drag.marker_id, drag.frame + drag.shift)
        elif drag.shift:
            self._tell_clip_drag(drag)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Add a key on a curve lane."""
        layout = self.layout_now()
        hit = layout.hit(event.position())
        if hit.part is Part.LANE and hit.lane is not None and hit.lane.kind is LaneKind.CURVE:
            rect = layout.rect_of(hit.lane.lane_id)
            if rect is not None and not hit.lane.folded:
                frame = max(0, round(layout.scale.frame_at(event.position().x())))
                value = layout.value_at(hit.lane, event.position().y(), rect)
                self.key_added.emit(hit.lane.lane_id, frame, value)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer; with shift scroll along, over the heads scroll down."""
        delta = event.angleDelta()
        notches = (delta.y() or delta.x()) / WHEEL_NOTCH
        over_heads = event.position().x() < HEAD_PX
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or abs(delta.x()) > abs(delta.y()):
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() - round(notches * 80))
        elif over_heads:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() - round(notches * 40))
        else:
            self.set_zoom(self.px_per_frame * ZOOM_STEP**notches, event.position().x())
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu for what is under the pointer."""
        hit = self.layout_now().hit(QPointF(event.pos()))
        if hit.clip is not None and hit.clip.clip_id not in self.selected_clips:
            self._choose_clips(frozenset({hit.clip.clip_id}))
        if hit.part is Part.KEY and hit.lane is not None and hit.point is not None:
            self.set_selected_keys(frozenset({(hit.lane.lane_id, hit.point.frame)}))
        self.menu_wanted.emit(hit, event.globalPos())

    # ---- keys ----

    def viewportEvent(self, event: QEvent) -> bool:
        """Tell a marker's name under a resting pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            marker = self.layout_now().hit(QPointF(event.pos())).marker
            if marker is not None:
                QToolTip.showText(event.globalPos(), marker.name, self.viewport())
                return True
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete, zoom, choose and nudge clips; everything else is the window's."""
        key, modifiers = event.key(), event.modifiers()
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(key), 0)
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_selected()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_zoom(self.px_per_frame * ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.set_zoom(self.px_per_frame / ZOOM_STEP)
        elif step and modifiers & Qt.KeyboardModifier.ControlModifier:
            self._choose_neighbour(step)
        elif step and modifiers & Qt.KeyboardModifier.AltModifier:
            if self.selected_clips:
                frames = 10 if modifiers & Qt.KeyboardModifier.ShiftModifier else 1
                self.clips_shifted.emit(self.selected_clips, step * frames)
        elif key == Qt.Key.Key_Escape and self._drag is not None:
            self._set_drag(None)
        else:
            event.ignore()

    def delete_selected(self) -> None:
        """Ask for the selected keys, else the selected clips, to be deleted."""
        if self.selected_keys:
            self.keys_deleted.emit(self.selected_keys)
            self.set_selected_keys(frozenset())
        elif self.selected_clips:
            self.clips_deleted.emit(self.selected_clips)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the focus ring."""
        super().focusOutEvent(event)
        self.viewport().update()

    # ---- drops ----

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and media."""
        if _is_media(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Take them on a character's lanes only."""
        if _is_media(event.mimeData()) and self.layout_now().hit(event.position()).lane is not None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell on which track and frame they landed."""
        layout = self.layout_now()
        hit = layout.hit(event.position())
        if hit.lane is None or not _is_media(event.mimeData()):
            event.ignore()
            return
        frame = max(0, round(layout.scale.frame_at(event.position().x()))) if hit.part is not Part.HEAD else 0
        self.media_dropped.emit(hit.lane.track_id, frame, event.mimeData())
        event.acceptProposedAction()

    # ---- parts ----

    def _press_clip(self, hit: Hit, clip: TimelineClip, event: QMouseEvent) -> None:
        adds = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        self.set_selected_keys(frozenset())
        if adds:
            self._choose_clips(self.selected_clips ^ {clip.clip_id})
        elif clip.clip_id not in self.selected_clips:
            self._choose_clips(frozenset({clip.clip_id}))
        kind = CLIP_DRAGS[hit.part]
        if kind is DragKind.MOVE and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            kind = DragKind.SLIP
        together = self.selected_clips if kind is DragKind.MOVE else frozenset({clip.clip_id})
        if together:
            self._set_drag(self._new_drag(kind, event.position(), clip_ids=together))

    def _press_marker(self, marker: TimelineMarker, at: QPointF) -> None:
        """Go to the marker; dragging then moves it."""
        self.playhead_dragged.emit(min(marker.frame, self.content.length - 1))
        self._set_drag(
            Drag(
                kind=DragKind.MARKER,
                origin_x=at.x(),
                origin_y=at.y(),
                marker_id=marker.marker_id,
                frame=marker.frame,
            )
        )

    def _press_key(self, hit: Hit, at: QPointF, *, joined: bool) -> None:
        if hit.lane is None or hit.point is None:
            return
        self._choose_clips(frozenset())
        self.set_selected_keys(frozenset({(hit.lane.lane_id, hit.point.frame)}))
        self._set_drag(
            Drag(
                kind=DragKind.KEY if hit.side is None else DragKind.HANDLE,
                side=hit.side or HandleSide.OUT,
                joined=joined,
                origin_x=at.x(),
                origin_y=at.y(),
                lane_id=hit.lane.lane_id,
                frame=hit.point.frame,
                value=hit.point.value,
            )
        )

    def _drag_key(self, shift: int, y: float) -> None:
        drag, layout = self._drag, self.layout_now()
        rect = layout.rect_of(drag.lane_id) if drag is not None else None
        lane = layout.content.lane(drag.lane_id) if drag is not None else None
        if drag is not None and rect is not None and lane is not None:
            self._moved_drag(max(shift, -drag.frame), layout.value_at(lane, y, rect))

    def _drag_handle(self, drag: Drag, at: QPointF) -> None:
        layout = self.layout_now()
        rect, lane = layout.rect_of(drag.lane_id), layout.content.lane(drag.lane_id)
        if rect is not None and lane is not None:
            value = layout.value_at(lane, at.y(), rect) - drag.value
            handle = (layout.scale.frame_at(at.x()) - drag.frame, value)
            self._set_drag(replace(drag, handle=handle, moved=True))

    def _tell_handle_drag(self, drag: Drag) -> None:
        lane = self.content.lane(drag.lane_id)
        points = lane.points if lane is not None else ()
        point = next((point for point in points if point.frame == drag.frame), None)
        if lane is not None and point is not None:
            made = shaped(lane, point, drag)
            self.key_shaped.emit(drag.lane_id, drag.frame, made.handle_in, made.handle_out)

    def _drag_playhead(self, x: float) -> None:
        frame = round(self.scale().frame_at(max(x, HEAD_PX)))
        self.playhead_dragged.emit(max(0, min(frame, self.content.length - 1)))

    def _tell_clip_drag(self, drag: Drag) -> None:
        if drag.kind is DragKind.MOVE:
            self.clips_shifted.emit(drag.clip_ids, drag.shift)
            return
        clip_id = next(iter(drag.clip_ids))
        signals = {
            DragKind.TRIM_START: self.clip_start_trimmed,
            DragKind.TRIM_END: self.clip_end_trimmed,
            DragKind.SLIP: self.clip_slipped,
        }
        signals[drag.kind].emit(clip_id, drag.shift)

    def _choose_clips(self, clip_ids: frozenset[str]) -> None:
        if clip_ids != self.selected_clips:
            self.set_selected_clips(clip_ids)
            self.clips_chosen.emit(clip_ids)

    def _choose_neighbour(self, step: int) -> None:
        clips = self.content.clips()
        if not clips:
            return
        chosen = [index for index, clip in enumerate(clips) if clip.clip_id in self.selected_clips]
        index = (chosen[0] + step) % len(clips) if chosen else 0
        self._choose_clips(frozenset({clips[index].clip_id}))

    def _show_cursor(self, event: QMouseEvent) -> None:
        part = self.layout_now().hit(event.position()).part
        self.viewport().setCursor(CURSORS.get(part, Qt.CursorShape.ArrowCursor))

    @staticmethod
    def _new_drag(kind: DragKind, at: QPointF, clip_ids: frozenset[str] = frozenset()) -> Drag:
        return Drag(kind=kind, origin_x=at.x(), origin_y=at.y(), clip_ids=clip_ids)


def _is_media(data: QMimeData) -> bool:
    return data.hasUrls() or data.hasFormat(MEDIA_MIME)
