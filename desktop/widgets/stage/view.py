"""The stage: a picture with movable regions; drags come out as boxes in shares of the plate."""

from PySide6.QtCore import QMimeData, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsRectItem, QGraphicsScene, QGraphicsView, QWidget

from desktop.theme.theme import Theme
from desktop.widgets.stage.picture_item import PictureItem
from desktop.widgets.stage.region_item import SMALLEST_SHARE, Box, Grip, RegionItem, StageRegion, dragged_box

NUDGE_PX = 1.0
NUDGES = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
GRIP_CURSORS = {
    Grip.INSIDE: Qt.CursorShape.SizeAllCursor,
    Grip.LEFT: Qt.CursorShape.SizeHorCursor,
    Grip.RIGHT: Qt.CursorShape.SizeHorCursor,
    Grip.TOP: Qt.CursorShape.SizeVerCursor,
    Grip.BOTTOM: Qt.CursorShape.SizeVerCursor,
    Grip.TOP_LEFT: Qt.CursorShape.SizeFDiagCursor,
    Grip.BOTTOM_RIGHT: Qt.CursorShape.SizeFDiagCursor,
    Grip.TOP_RIGHT: Qt.CursorShape.SizeBDiagCursor,
    Grip.BOTTOM_LEFT: Qt.CursorShape.SizeBDiagCursor,
}


class StageView(QGraphicsView):
    """Shows one picture fitted into the view; regions are edited by mouse, and with alt and arrow keys."""

    region_chosen = Signal(str)
    region_placed = Signal(str, object)
    region_drawn = Signal(object)
    drawing_changed = Signal(bool)
    files_dropped = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._ground = QGraphicsScene(self)
        self.setScene(self._ground)
        self._picture = PictureItem()
        self._ground.addItem(self._picture)
        self._plate = QRectF()
        self._items: dict[str, RegionItem] = {}
        self._selected: str | None = None
        self._held: tuple[RegionItem, Grip, QPointF, Box] | None = None
        self._is_drawing = False
        self._drawn_from: QPointF | None = None
        self._drawn: QGraphicsRectItem | None = None
        self._regions: tuple[StageRegion, ...] = ()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAcceptDrops(True)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName(self.tr("Stage"))
        self.setAccessibleDescription(
            self.tr("The picture with face regions. Alt and arrow keys move the selected region.")
        )
        theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    @property
    def image(self) -> QImage | None:
        """The picture that is shown."""
        return self._picture.image

    @property
    def is_drawing(self) -> bool:
        """Whether the next drag draws a new region."""
        return self._is_drawing

    def set_plate_size(self, width: int, height: int) -> None:
        """Say the plate's size in pixels; the view fits it."""
        self._plate = QRectF(0, 0, max(1, width), max(1, height))
        self._ground.setSceneRect(self._plate)
        self._picture.set_area(self._plate)
        self._rebuild_regions()
        self._fit()

    def set_image(self, image: QImage | None) -> None:
        """Show a picture; it fills the plate's rectangle."""
        self._picture.set_image(image)

    def set_regions(self, regions: tuple[StageRegion, ...]) -> None:
        """Show these regions; one that is being dragged keeps its place until it is let go."""
        self._regions = regions
        if [region.region_id for region in regions] != list(self._items):
            self._rebuild_regions()
            return
        held = self._held[0].region.region_id if self._held else None
        for region in regions:
            item = self._items[region.region_id]
            if region.region_id != held and item.region != region:
                item.prepareGeometryChange()
                item.region = region
                item.update()

    def set_regions_visible(self, visible: bool) -> None:
        """Show outlines, or the picture alone."""
        for item in self._items.values():
            item.setVisible(visible)

    def select_region(self, region_id: str | None) -> None:
        """Show handles on one region."""
        self._selected = region_id
        for key, item in self._items.items():
            item.show_selected(key == region_id)

    def begin_drawing(self) -> None:
        """Let the next drag draw a region; escape gives up."""
        self._set_drawing(True)
        self.setFocus()

    def region_rect(self, region_id: str) -> QRectF:
        """Return a region's outline in view coordinates."""
        return QRectF(self.mapFromScene(self._items[region_id].outline()).boundingRect())

    # ---- events ----

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the picture fitted."""
        super().resizeEvent(event)
        self._fit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hold a region, or begin to draw one."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        at = self.mapToScene(event.position().toPoint())
        if self._is_drawing:
            self._begin_box(at)
            return
        item, grip = self._grip_at(at)
        if item is not None and grip is not None:
            self._held = (item, grip, at, item.region.box)
            self.region_chosen.emit(item.region.region_id)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what is held."""
        at = self.mapToScene(event.position().toPoint())
        if self._drawn is not None and self._drawn_from is not None:
            self._drawn.setRect(QRectF(self._drawn_from, at).normalized().intersected(self._plate))
        elif self._held is not None:
            item, grip, origin, box = self._held
            across = (at.x() - origin.x()) / self._plate.width()
            down = (at.y() - origin.y()) / self._plate.height()
            item.set_box(dragged_box(box, grip, across, down))
        else:
            self._show_cursor(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell where the region came to lie."""
        if self._drawn is not None:
            self._finish_box()
        elif self._held is not None:
            item, _, _, box = self._held
            self._held = None
            if item.region.box != box:
                self.region_placed.emit(item.region.region_id, item.region.box)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Nudge the selected region, give up drawing; everything else is the window's."""
        nudge = NUDGES.get(Qt.Key(event.key()))
        if nudge is not None and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._nudge(nudge, 10.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0)
        elif event.key() == Qt.Key.Key_Escape and self._is_drawing:
            self._set_drawing(False)
        else:
            event.ignore()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        self._take_files(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Take files."""
        self._take_files(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell which files landed."""
        if event.mimeData().hasUrls():
            self.files_dropped.emit(local_files(event.mimeData()))
            event.acceptProposedAction()

    # ---- parts ----

    def _take_files(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def _grip_at(self, at: QPointF) -> tuple[RegionItem | None, Grip | None]:
        ordered = sorted(self._items.values(), key=lambda item: not item.is_selected)
        for item in ordered:
            grip = item.grip_at(at) if item.isVisible() else None
            if grip is not None:
                return item, grip
        return None, None

    def _nudge(self, direction: tuple[int, int], pixels: float) -> None:
        item = self._items.get(self._selected or "")
        if item is None:
            return
        across = direction[0] * pixels * NUDGE_PX / self._plate.width()
        down = direction[1] * pixels * NUDGE_PX / self._plate.height()
        box = dragged_box(item.region.box, Grip.INSIDE, across, down)
        self.region_placed.emit(item.region.region_id, box)

    def _begin_box(self, at: QPointF) -> None:
        pen = QPen(QColor(self._theme.tokens.text), 1.5, Qt.PenStyle.DashLine)
        pen.setCosmetic(True)
        self._drawn_from = at
        self._drawn = self._ground.addRect(QRectF(at, at), pen)

    def _finish_box(self) -> None:
        rect = self._drawn.rect() if self._drawn is not None else QRectF()
        if self._drawn is not None:
            self._ground.removeItem(self._drawn)
        self._drawn = self._drawn_from = None
        self._set_drawing(False)
        box = (
            rect.left() / self._plate.width(),
            rect.top() / self._plate.height(),
            rect.width() / self._plate.width(),
            rect.height() / self._plate.height(),
        )
        if min(box[2], box[3]) >= SMALLEST_SHARE:
            self.region_drawn.emit(box)

    def _set_drawing(self, drawing: bool) -> None:
        if drawing != self._is_drawing:
            self._is_drawing = drawing
            cursor = Qt.CursorShape.CrossCursor if drawing else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(cursor)
            self.drawing_changed.emit(drawing)

    def _show_cursor(self, at: QPointF) -> None:
        if not self._is_drawing:
            _, grip = self._grip_at(at)
            shape = GRIP_CURSORS[grip] if grip is not None else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(shape)

    def _rebuild_regions(self) -> None:
        self._held = None
        for item in self._items.values():
            self._ground.removeItem(item)
        self._items = {}
        for region in self._regions:
            item = RegionItem(region, self._plate, self._theme.tokens, font=self.font())
            item.set_zoom(self.transform().m11())
            self._ground.addItem(item)
            self._items[region.region_id] = item
        self.select_region(self._selected)

    def _fit(self) -> None:
        if self._plate.isEmpty():
            return
        self.fitInView(self._plate, Qt.AspectRatioMode.KeepAspectRatio)
        for item in self._items.values():
            item.set_zoom(self.transform().m11())

    def _on_theme_changed(self) -> None:
        self.setBackgroundBrush(QColor(self._theme.tokens.stage))
        self._rebuild_regions()


def local_files(data: QMimeData) -> list[str]:
    """Return the paths of the local files that are being dropped."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
