"""Delegates that paint rows in the theme: pictures, dots with words, progress bars."""

import numpy as np
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPainterPath
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop.background.media_art import MediaArt
from desktop.models.job_table import JOB, PROGRESS, STATE
from desktop.models.roles import Role
from desktop.models.tones import StatusTone, tone_colour
from desktop.theme.theme import Theme
from desktop.theme.tokens import Tokens

Index = QModelIndex | QPersistentModelIndex
SCENE_ROW_PX = 50
PICTURE_PX = QSize(58, 39)
MEDIA_CELL_PX = QSize(100, 78)
MEDIA_PICTURE_PX = QSize(92, 56)
JOB_ROW_PX = 25
TAKE_ROW_PX = 28
VALIGN = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class RowDelegate(QStyledItemDelegate):
    """What all rows share: ground, dot, texts."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme

    @property
    def tokens(self) -> Tokens:
        """The colours in force."""
        return self._theme.tokens

    def paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> bool:
        """Paint a row's ground and return whether it is selected."""
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(option.rect, QColor(self.tokens.selection))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, QColor(self.tokens.raised))
        return selected

    def paint_dot(self, painter: QPainter, x: float, middle: float, tone: StatusTone) -> None:
        """Paint a status dot of 7 px."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tone_colour(tone, self.tokens)))
        painter.drawEllipse(QRectF(x, middle - 3.5, 7, 7))

    def paint_text(self, painter: QPainter, box: QRect, text: str, colour: str, font: QFont) -> int:
        """Paint one line, shortened to fit, and return its width."""
        painter.setFont(font)
        painter.setPen(QColor(colour))
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, VALIGN, shown)
        return QFontMetrics(font).horizontalAdvance(shown)


class SceneDelegate(RowDelegate):
    """A scene: its plate, its name, a dot and a word."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """As in the design: 50 px."""
        return QSize(120, SCENE_ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        painter.save()
        selected = self.paint_ground(painter, option)
        rect = option.rect
        frame = QRect(rect.left() + 10, rect.center().y() - 19, PICTURE_PX.width(), PICTURE_PX.height())
        paint_picture(painter, frame, index.data(Role.PICTURE), self.tokens.raised)
        left = frame.right() + 10
        room = rect.right() - left - 6
        name = weighted(option.font, QFont.Weight.DemiBold)
        self.paint_text(painter, QRect(left, rect.top() + 8, room, 17), index.data(), self.tokens.text, name)
        self.paint_dot(painter, left, rect.top() + 33.5, index.data(Role.TONE))
        colour = self.tokens.text if selected else self.tokens.secondary
        line = QRect(left + 12, rect.top() + 25, room - 12, 17)
        self.paint_text(painter, line, index.data(Role.SECOND_LINE), colour, small(option.font))
        painter.restore()


class MediaDelegate(RowDelegate):
    """A driving clip or a voice: a picture or a waveform, and its name."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two in a row of the left dock."""
        return MEDIA_CELL_PX

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        painter.save()
        selected = self.paint_ground(painter, option)
        frame = QRect(option.rect.left() + 4, option.rect.top() + 3, *MEDIA_PICTURE_PX.toTuple())
        art = index.data(Role.PICTURE)
        paint_picture(painter, frame, art.thumbnail if art else None, self.tokens.raised)
        if art is not None and art.peaks is not None:
            paint_wave(painter, frame, art, self.tokens.secondary)
        colour = self.tokens.text if selected else self.tokens.secondary
        line = QRect(frame.left(), frame.bottom() + 1, frame.width(), 16)
        self.paint_text(painter, line, index.data(), colour, small(option.font))
        painter.restore()


class JobDelegate(RowDelegate):
    """One cell of the queue."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """25 px a row."""
        return QSize(60, JOB_ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint a cell."""
        painter.save()
        selected = self.paint_ground(painter, option)
        rect = option.rect.adjusted(8, 0, -8, 0)
        quiet = self.tokens.text if selected else self.tokens.secondary
        if index.column() == JOB:
            self.paint_dot(painter, rect.left() + 4, rect.center().y() + 0.5, index.data(Role.TONE))
            rect.setLeft(rect.left() + 22)
            bold = weighted(option.font, QFont.Weight.DemiBold)
            width = self.paint_text(painter, rect, index.data(Role.FIRST_WORDS), self.tokens.text, bold)
            rect.setLeft(rect.left() + width + 6)
        if index.column() == PROGRESS:
            share, running = index.data(Role.SHARE), index.data(Role.TONE) == StatusTone.RUNNING
            paint_bar(painter, rect, share, self.tokens.accent if running else self.tokens.faint, self.tokens)
        elif index.column() == STATE or rect.width() > 12:
            self.paint_text(painter, rect, index.data(), quiet, option.font)
        painter.restore()


class TakeDelegate(RowDelegate):
    """One take: a dot, its number, words, stars."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """28 px a row."""
        return QSize(200, TAKE_ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        painter.save()
        selected = self.paint_ground(painter, option)
        rect = option.rect.adjusted(12, 0, -8, 0)
        self.paint_dot(painter, rect.left(), rect.center().y() + 0.5, index.data(Role.TONE))
        rect.setLeft(rect.left() + 22)
        bold = weighted(option.font, QFont.Weight.DemiBold)
        rect.setLeft(
            rect.left()
            + 8
            + self.paint_text(painter, rect, index.data(Role.FIRST_WORDS), self.tokens.text, bold)
        )
        quiet = self.tokens.text if selected else self.tokens.secondary
        width = self.paint_text(painter, rect, index.data(), quiet, option.font)
        rect.setLeft(rect.left() + width + 10)
        self.paint_text(painter, rect, index.data(Role.SECOND_LINE), self.tokens.text, option.font)
        painter.restore()


def paint_picture(painter: QPainter, frame: QRect, image: QImage | None, ground: str) -> None:
    """Paint a picture that fills a rounded frame, cropped in the middle."""
    shape = QPainterPath()
    shape.addRoundedRect(QRectF(frame), 3, 3)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.fillPath(shape, QColor(ground))
    if image is None:
        return
    scale = max(frame.width() / image.width(), frame.height() / image.height())
    width, height = frame.width() / scale, frame.height() / scale
    source = QRectF((image.width() - width) / 2, (image.height() - height) / 2, width, height)
    painter.save()
    painter.setClipPath(shape, Qt.ClipOperation.IntersectClip)
    painter.drawImage(QRectF(frame), image, source)
    painter.restore()


def paint_wave(painter: QPainter, frame: QRect, art: MediaArt, colour: str) -> None:
    """Paint a whole sound as a waveform."""
    if art.peaks is None:
        return
    width = frame.width() - 8
    times_s = np.linspace(0, len(art.peaks.values) / art.peaks.per_s, width, endpoint=False)
    middle, reach = frame.center().y(), frame.height() / 2 - 6
    for x, loudness in enumerate(art.peaks.between(times_s).tolist()):
        height = max(0.5, loudness * reach)
        painter.fillRect(QRectF(frame.left() + 4 + x, middle - height, 1, 2 * height), QColor(colour))


def paint_bar(painter: QPainter, rect: QRect, share: float, colour: str, tokens: Tokens) -> None:
    """Paint a progress bar 4 px high."""
    groove = QRectF(rect.left(), rect.center().y() - 1.5, rect.width(), 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens.line))
    painter.drawRoundedRect(groove, 2, 2)
    if share > 0:
        groove.setWidth(max(4.0, groove.width() * min(share, 1.0)))
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(groove, 2, 2)


def weighted(font: QFont, weight: QFont.Weight) -> QFont:
    """Return a font in another weight."""
    made = QFont(font)
    made.setWeight(weight)
    return made


def small(font: QFont) -> QFont:
    """Return a font at 11 px."""
    made = QFont(font)
    made.setPixelSize(11)
    return made
