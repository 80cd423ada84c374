"""The menus, in words; every action has its place here and most have a key."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QAction, QActionGroup, QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from desktop.authoring.frame_rates import frame_rate_text
from desktop.panels.desk import Desk
from desktop.theme.theme import ThemeChoice
from desktop.windows.file_flows import FileFlows
from engine.client import engine_directories
from projects_db.records import SnapshotRecord

FRAME_RATES = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)


class MainMenus(QObject):
    """Builds the menu bar. Panels add their own actions through `menu`."""

    def __init__(self, desk: Desk, flows: FileFlows, window: QWidget) -> None:
        super().__init__(window)
        self._desk = desk
        self._flows = flows
        self.bar = QMenuBar()
        self.bar.setNativeMenuBar(False)
        titles = {
            "file": self.tr("File"),
            "edit": self.tr("Edit"),
            "scene": self.tr("Scene"),
            "character": self.tr("Character"),
            "view": self.tr("View"),
            "queue": self.tr("Queue"),
            "help": self.tr("Help"),
        }
        self._menus: dict[str, QMenu] = {key: self.bar.addMenu(title) for key, title in titles.items()}
        self._needs_project: list[QAction] = []
        self._add_access_keys(window)
        self._recent = QMenu(self.tr("Open recent"), self.bar)
        self._fill_file()
        self._fill_edit()
        self._fill_help()
        for signal in (desk.session.project_opened, desk.session.project_closed):
            signal.connect(self._offer)
        desk.preferences.recent_changed.connect(self._fill_recent)
        self._offer()

    def menu(self, key: str) -> QMenu:
        """Return a menu."""
        return self._menus[key]

    def add(
        self, key: str, text: str, act: Callable[[], object], shortcut: str = "", *, always: bool = False
    ) -> QAction:
        """Add an action; it needs an open project unless `always`."""
        action = QAction(text, self._menus[key])
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda _checked: act())
        self._menus[key].addAction(action)
        if not always:
            self._needs_project.append(action)
            action.setEnabled(self._desk.session.is_open)
        return action

    def separate(self, key: str) -> None:
        """Draw a line."""
        self._menus[key].addSeparator()

    def add_theme_choice(self) -> None:
        """Offer to follow the system, dark or light."""
        menu = self._menus["view"].addMenu(self.tr("Theme"))
        group = QActionGroup(menu)
        words = {
            ThemeChoice.SYSTEM: self.tr("Follow the system"),
            ThemeChoice.DARK: self.tr("Dark"),
            ThemeChoice.LIGHT: self.tr("Light"),
        }
        for choice, word in words.items():
            action = menu.addAction(word)
            action.setCheckable(True)
            action.setChecked(choice is self._desk.theme.choice)
            action.triggered.connect(self._theme_chooser(choice))
            group.addAction(action)

    def add_frame_rates(self) -> None:
        """Offer the usual frame rates for the project."""
        menu = self._menus["scene"].addMenu(self.tr("Project frame rate"))
        for rate in FRAME_RATES:
            action = menu.addAction(frame_rate_text(rate))
            action.triggered.connect(self._rate_chooser(rate))
        menu.menuAction().setEnabled(False)
        self._needs_project.append(menu.menuAction())

    def _add_access_keys(self, window: QWidget) -> None:
        """Alt and a menu's first letter open it; the letters are not underlined."""
        for menu in self._menus.values():
            shortcut = QShortcut(QKeySequence(f"Alt+{menu.title()[0]}"), window)
            shortcut.activated.connect(self._menu_opener(menu))

    def _menu_opener(self, menu: QMenu) -> Callable[[], None]:
        return lambda: self.bar.setActiveAction(menu.menuAction())

    def _fill_file(self) -> None:
        flows = self._flows
        self.add("file", self.tr("New project…"), flows.ask_new, "Ctrl+N", always=True)
        self.add("file", self.tr("Open project…"), flows.ask_open, "Ctrl+O", always=True)
        self._menus["file"].addMenu(self._recent)
        self._fill_recent()
        self.separate("file")
        self.add("file", self.tr("Save version…"), flows.ask_version_name, "Ctrl+S")
        self._add_versions()
        self.add("file", self.tr("Find missing media…"), flows.ask_relink)
        self.separate("file")
        self.add("file", self.tr("Close project"), flows.close_project, "Ctrl+W")

    def _add_versions(self) -> None:
        menu = self._menus["file"].addMenu(self.tr("Go back to a version"))
        menu.aboutToShow.connect(lambda: self._fill_versions(menu))
        menu.menuAction().setEnabled(False)
        self._needs_project.append(menu.menuAction())

    def _fill_versions(self, menu: QMenu) -> None:
        menu.clear()
        for version in self._flows.versions():
            when = version.created_at.astimezone().strftime("%d %b %H:%M")
            menu.addAction(f"{version.name}  ({when})", self._restorer(version))
        if menu.isEmpty():
            menu.addAction(self.tr("No version is saved yet")).setEnabled(False)

    def _restorer(self, version: SnapshotRecord) -> Callable[[], None]:
        return lambda: self._flows.restore_version(version)

    def _fill_edit(self) -> None:
        history = self._desk.history
        undo = history.undo_action(self._menus["edit"], self.tr("Undo"))
        undo.setShortcut(QKeySequence(QKeySequence.StandardKey.Undo))
        redo = history.redo_action(self._menus["edit"], self.tr("Redo"))
        redo.setShortcuts([QKeySequence("Shift+Ctrl+Z"), QKeySequence("Ctrl+Y")])
        self._menus["edit"].addActions([undo, redo])
        self.separate("edit")

    def _fill_help(self) -> None:
        self.add("help", self.tr("Show the engine's log"), self._open_log, always=True)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for path in self._desk.preferences.recent_projects():
            action = self._recent.addAction(path.name)
            action.setToolTip(str(path))
            action.triggered.connect(self._opener(path))
        self._recent.setEnabled(not self._recent.isEmpty())

    def _open_log(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(engine_directories()[2])))

    def _offer(self) -> None:
        for action in self._needs_project:
            action.setEnabled(self._desk.session.is_open)

    def _opener(self, path: Path) -> Callable[[], None]:
        return lambda: self._flows.open_project(path)

    def _theme_chooser(self, choice: ThemeChoice) -> Callable[[], None]:
        def choose() -> None:
            self._desk.theme.choose(choice)
            self._desk.preferences.set_theme(choice.value)

        return choose

    def _rate_chooser(self, rate: Fraction) -> Callable[[], None]:
        return lambda: self._desk.scenes.set_frame_rate(rate)
