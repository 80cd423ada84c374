"""A face region on the stage: a thin outline with a name tag; handles only while it is selected."""

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from desktop.theme.tokens import Tokens, readable_on

HANDLE_PX = 8.0
REACH_PX = 9.0
TAG_HEIGHT_PX = 17.0
SMALLEST_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRegion:
    """A region as the stage draws it; the box is left, top, width, height as shares of the plate."""

    region_id: str
    name: str
    colour: str
    is_ellipse: bool
    box: tuple[float, float, float, float]


class Grip(Enum):
    """Where a region is held."""

    INSIDE = (0, 0)
    LEFT = (-1, 0)
    RIGHT = (1, 0)
    TOP = (0, -1)
    BOTTOM = (0, 1)
    TOP_LEFT = (-1, -1)
    TOP_RIGHT = (1, -1)
    BOTTOM_LEFT = (-1, 1)
    BOTTOM_RIGHT = (1, 1)


SIDE_GRIPS = (Grip.LEFT, Grip.RIGHT, Grip.TOP, Grip.BOTTOM)
CORNER_GRIPS = (Grip.TOP_LEFT, Grip.TOP_RIGHT, Grip.BOTTOM_LEFT, Grip.BOTTOM_RIGHT)
Box = tuple[float, float, float, float]


class RegionItem(QGraphicsItem):
    """Draws one region in plate pixels; sizes of lines, handles and text are screen pixels at any zoom."""

    def __init__(self, region: StageRegion, plate: QRectF, tokens: Tokens, *, font: QFont) -> None:
        super().__init__()
        self.region = region
        self._plate = plate
        self._tokens = tokens
        self._selected = False
        self._zoom = 1.0
        self._font = QFont(font)
        self._font.setPixelSize(11)
        self._font.setWeight(QFont.Weight.DemiBold)

    @property
    def is_selected(self) -> bool:
        """Whether handles are shown."""
        return self._selected

    def show_selected(self, selected: bool) -> None:
        """Show handles, or not; a selected region lies above the others."""
        self._selected = selected
        self.setZValue(2 if selected else 1)
        self.update()

    def set_zoom(self, zoom: float) -> None:
        """Say how many screen pixels a plate pixel is."""
        self.prepareGeometryChange()
        self._zoom = max(zoom, 1e-6)

    def set_box(self, box: Box) -> None:
        """Show the region elsewhere."""
        self.prepareGeometryChange()
        self.region = StageRegion(
            region_id=self.region.region_id,
            name=self.region.name,
            colour=self.region.colour,
            is_ellipse=self.region.is_ellipse,
            box=box,
        )
        self.update()

    def outline(self) -> QRectF:
        """Return the box in plate pixels."""
        x, y, width, height = self.region.box
        return QRectF(
            self._plate.left() + x * self._plate.width(),
            self._plate.top() + y * self._plate.height(),
            width * self._plate.width(),
            height * self._plate.height(),
        )

    def grip_at(self, at: QPointF) -> Grip | None:
        """Return where the region is held at a point of the plate; None outside."""
        reach = REACH_PX / self._zoom
        outline = self.outline()
        if self._selected:
            for grip in (*SIDE_GRIPS, *CORNER_GRIPS):
                centre = _grip_point(outline, grip)
                if max(abs(at.x() - centre.x()), abs(at.y() - centre.y())) <= reach:
                    return grip
        if outline.contains(at) or self._tag_rect().contains(at):
            return Grip.INSIDE
        return None

    def boundingRect(self) -> QRectF:
        """Everything that is drawn, tag and handles included."""
        margin = (HANDLE_PX + 2) / self._zoom
        return self.outline().united(self._tag_rect()).adjusted(-margin, -margin, margin, margin)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw outline, tag and handles."""
        colour = QColor(self._tokens.character(self.region.colour))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(colour, 2.0 if self._selected else 1.5)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        outline = self.outline()
        if self.region.is_ellipse:
            painter.drawEllipse(outline)
        else:
            painter.drawRect(outline)
        self._paint_tag(painter, colour)
        if self._selected:
            self._paint_handles(painter, outline, colour)

    def _paint_handles(self, painter: QPainter, outline: QRectF, colour: QColor) -> None:
        side = HANDLE_PX / self._zoom
        pen = QPen(colour, 1.5)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.setBrush(QColor(self._tokens.raised))
        grips = SIDE_GRIPS if self.region.is_ellipse else (*SIDE_GRIPS, *CORNER_GRIPS)
        for grip in grips:
            centre = _grip_point(outline, grip)
            painter.drawRect(QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side))

    def _paint_tag(self, painter: QPainter, colour: QColor) -> None:
        painter.save()
        tag = self._tag_rect()
        painter.translate(tag.topLeft())
        painter.scale(1 / self._zoom, 1 / self._zoom)
        box = QRectF(0, 0, tag.width() * self._zoom, tag.height() * self._zoom)
        shape = QPainterPath()
        shape.addRoundedRect(box, 3.5, 3.5)
        painter.fillPath(shape, colour)
        painter.setFont(self._font)
        painter.setPen(QColor(readable_on(colour.name())))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.region.name)
        painter.restore()

    def _tag_rect(self) -> QRectF:
        width = QFontMetricsF(self._font).horizontalAdvance(self.region.name) + 16
        outline = self.outline()
        left, gap = outline.left(), 7 / self._zoom
        top = outline.top() - gap - TAG_HEIGHT_PX / self._zoom
        if top < self._plate.top():
            top = outline.bottom() + gap
        return QRectF(left, top, width / self._zoom, TAG_HEIGHT_PX / self._zoom)


def dragged_box(box: Box, grip: Grip, across: float, down: float) -> Box:
    """Return a box after a grip is dragged by shares of the plate; it stays there and keeps some size."""
    x, y, width, height = box
    if grip is Grip.INSIDE:
        return min(max(x + across, 0.0), 1.0 - width), min(max(y + down, 0.0), 1.0 - height), width, height
    side_x, side_y = grip.value
    left, right = _dragged_side(x, x + width, side_x, across)
    top, bottom = _dragged_side(y, y + height, side_y, down)
    return left, top, right - left, bottom - top


def _dragged_side(low: float, high: float, side: int, by: float) -> tuple[float, float]:
    if side < 0:
        low = min(max(low + by, 0.0), high - SMALLEST_SHARE)
    elif side > 0:
        high = max(min(high + by, 1.0), low + SMALLEST_SHARE)
    return low, high


def _grip_point(outline: QRectF, grip: Grip) -> QPointF:
    side_x, side_y = grip.value
    centre = outline.center()
    return QPointF(
        centre.x() + side_x * outline.width() / 2,
        centre.y() + side_y * outline.height() / 2,
    )
