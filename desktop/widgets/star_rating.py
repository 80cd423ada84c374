"""Five stars to click."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from desktop.theme.theme import Theme

STARS = 5
STAR_PX = 14


class StarRating(QWidget):
    """A rating from 0 to 5. Clicking the present rating takes it away; digits and arrows work too."""

    rated = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rating = 0
        self.setFixedSize(STARS * STAR_PX + 4, STAR_PX + 4)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.show_rating(0)
        theme.theme_changed.connect(self.update)

    @property
    def rating(self) -> int:
        """What it shows."""
        return self._rating

    def show_rating(self, rating: int) -> None:
        """Show a rating."""
        self._rating = rating
        self.setAccessibleName(self.tr("Rating: %d of 5 stars") % rating)
        self.update()

    def sizeHint(self) -> QSize:
        """Five stars."""
        return self.minimumSize()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Rate by where it is clicked."""
        star = min(STARS, max(1, int((event.position().x() - 2) // STAR_PX) + 1))
        self._rate(0 if star == self._rating else star)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Rate by digit or arrows."""
        if event.text().isdigit() and int(event.text()) <= STARS:
            self._rate(int(event.text()))
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            self._rate(min(STARS, max(0, self._rating + step)))
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the stars."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        for star in range(STARS):
            colour = tokens.text if star < self._rating else tokens.line
            icon = self._theme.tinted_icon("star", colour)
            icon.paint(painter, QRectF(2 + star * STAR_PX, 2, STAR_PX - 2, STAR_PX - 2).toRect())
        if self.hasFocus():
            painter.setPen(self.palette().text().color())
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 3, 3)
        painter.end()

    def _rate(self, rating: int) -> None:
        self.show_rating(rating)
        self.rated.emit(rating)
