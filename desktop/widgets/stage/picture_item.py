"""The picture on the stage, drawn into the plate's rectangle whatever its own size is."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget


class PictureItem(QGraphicsItem):
    """Draws a 32-bit image without converting it."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._area = QRectF()

    def set_area(self, area: QRectF) -> None:
        """Say where pictures go."""
        self.prepareGeometryChange()
        self._area = area

    def set_image(self, image: QImage | None) -> None:
        """Show another picture."""
        self._image = image
        self.update()

    @property
    def image(self) -> QImage | None:
        """What is shown."""
        return self._image

    def boundingRect(self) -> QRectF:
        """The plate's rectangle."""
        return self._area

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the picture."""
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self._area, self._image)
