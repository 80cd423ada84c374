"""Masque's own icons: SVG files drawn in `currentColor`, tinted by the theme when they are loaded."""

from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

ICON_FOLDER = Path(__file__).resolve().parents[2] / "resources" / "icons"
SIZES_PX = (16, 32, 48)


@cache
def icon_source(name: str) -> str:
    """Return the SVG text of an icon. Raises FileNotFoundError for a name there is no file for."""
    return (ICON_FOLDER / f"{name}.svg").read_text(encoding="utf-8")


def tinted_icon(name: str, colour: str, disabled_colour: str) -> QIcon:
    """Return an icon in `colour`, and in `disabled_colour` where its control is disabled."""
    icon = QIcon()
    for size in SIZES_PX:
        icon.addPixmap(_drawn(name, colour, size), QIcon.Mode.Normal)
        icon.addPixmap(_drawn(name, disabled_colour, size), QIcon.Mode.Disabled)
    return icon


def _drawn(name: str, colour: str, size_px: int) -> QPixmap:
    image = QImage(size_px, size_px, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    renderer = QSvgRenderer(QByteArray(icon_source(name).replace("currentColor", colour).encode()))
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, size_px, size_px))
    painter.end()
    return QPixmap.fromImage(image)
