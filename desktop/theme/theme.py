"""The theme in force: follows the system or the user's choice, and tells everyone when it changes."""

from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QFont, QFontDatabase, QIcon
from PySide6.QtWidgets import QApplication

from desktop.theme.icons import tinted_icon
from desktop.theme.palette import palette_of
from desktop.theme.style_sheet import style_sheet_of
from desktop.theme.tokens import DARK, LIGHT, Tokens

BASE_PX = 12
BARE_FAMILIES = frozenset({"Sans", "Sans Serif", "DejaVu Sans", ""})


class ThemeChoice(StrEnum):
    """What the user wants to see."""

    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


class Theme(QObject):
    """Applies tokens to an application: Fusion, a palette, a style sheet and the colour scheme hint.

    `theme_changed` comes after everything is in place: then painted widgets repaint and icons are reloaded.
    """

    theme_changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__()
        self._application = application
        self._choice = ThemeChoice.SYSTEM
        self._tokens: Tokens | None = None
        self._icons: dict[tuple[str, str], QIcon] = {}
        application.setStyle("Fusion")
        application.setFont(interface_font())
        application.styleHints().colorSchemeChanged.connect(self._on_system_scheme_changed)
        self.choose(ThemeChoice.SYSTEM)

    @property
    def tokens(self) -> Tokens:
        """The colours in force."""
        return self._tokens or DARK

    @property
    def choice(self) -> ThemeChoice:
        """What the user chose."""
        return self._choice

    def choose(self, choice: ThemeChoice) -> None:
        """Follow the system, or stay dark or light."""
        self._choice = choice
        scheme = {
            ThemeChoice.SYSTEM: Qt.ColorScheme.Unknown,
            ThemeChoice.DARK: Qt.ColorScheme.Dark,
            ThemeChoice.LIGHT: Qt.ColorScheme.Light,
        }[choice]
        self._application.styleHints().setColorScheme(scheme)
        self._apply()

    def icon(self, name: str) -> QIcon:
        """Return one of Masque's icons in the theme's text colour."""
        return self.tinted_icon(name, self.tokens.text)

    def tinted_icon(self, name: str, colour: str) -> QIcon:
        """Return one of Masque's icons in any colour, drawn once."""
        key = (name, colour)
        if key not in self._icons:
            self._icons[key] = tinted_icon(name, colour, self.tokens.faint)
        return self._icons[key]

    def _wanted_tokens(self) -> Tokens:
        if self._choice is ThemeChoice.SYSTEM:
            scheme = self._application.styleHints().colorScheme()
            return LIGHT if scheme == Qt.ColorScheme.Light else DARK
        return LIGHT if self._choice is ThemeChoice.LIGHT else DARK

    def _apply(self) -> None:
        wanted = self._wanted_tokens()
        if wanted is self._tokens:
            return
        self._tokens = wanted
        self._icons.clear()
        self._application.setPalette(palette_of(wanted))
        self._application.setStyleSheet(style_sheet_of(wanted))
        self.theme_changed.emit()

    def _on_system_scheme_changed(self) -> None:
        self._apply()


def interface_font() -> QFont:
    """Return the system's sans at 12 px with tabular figures; Inter where the system names no font."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if font.family() in BARE_FAMILIES:
        font.setFamilies(["Inter", font.family() or "sans-serif"])
    font.setPixelSize(BASE_PX)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font
