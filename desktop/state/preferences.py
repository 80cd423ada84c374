"""What the window remembers between runs: recent projects, theme, layout, the render's choice."""

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

MOST_RECENT = 8
RENDER = "render"


class Preferences(QObject):
    """Kept in one small file of its own."""

    recent_changed = Signal()

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._settings = QSettings(str(file), QSettings.Format.IniFormat)

    def recent_projects(self) -> tuple[Path, ...]:
        """Projects that were open, the latest first; those that are gone are left out."""
        value = self._settings.value("recent", [])
        names = [value] if isinstance(value, str) else list(value if isinstance(value, list) else [])
        return tuple(path for path in map(Path, names) if path.is_file())

    def remember_project(self, path: Path) -> None:
        """Put a project at the head of the recent ones."""
        others = [str(known) for known in self.recent_projects() if known != path]
        self._settings.setValue("recent", [str(path), *others][:MOST_RECENT])
        self.recent_changed.emit()

    def theme(self) -> str:
        """The theme that was chosen, `system` at first."""
        return str(self._settings.value("theme", "system"))

    def set_theme(self, name: str) -> None:
        """Remember the theme."""
        self._settings.setValue("theme", name)

    def layout(self) -> tuple[QByteArray, QByteArray] | None:
        """The window's geometry and docks as Qt saved them."""
        geometry, docks = self._settings.value("geometry"), self._settings.value("docks")
        if isinstance(geometry, QByteArray) and isinstance(docks, QByteArray):
            return geometry, docks
        return None

    def set_layout(self, geometry: QByteArray, docks: QByteArray) -> None:
        """Remember the window's geometry and docks."""
        self._settings.setValue("geometry", geometry)
        self._settings.setValue("docks", docks)

    def render_choice(self) -> dict[str, object]:
        """What was chosen for the next render, by name; texts, unless somebody has edited the file."""
        self._settings.beginGroup(RENDER)
        kept = {name: self._settings.value(name) for name in self._settings.childKeys()}
        self._settings.endGroup()
        return kept

    def set_render_choice(self, texts: Mapping[str, str]) -> None:
        """Remember it; what is not named is forgotten."""
        self._settings.beginGroup(RENDER)
        self._settings.remove("")
        for name, text in texts.items():
            self._settings.setValue(name, text)
        self._settings.endGroup()

    def close(self) -> None:
        """Write the file."""
        self._settings.sync()
