"""What a dock holds: a header, what it shows, and while there is nothing to show, what to do about it."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QListView, QStackedWidget, QStyledItemDelegate, QVBoxLayout, QWidget

from desktop.theme.theme import Theme
from desktop.widgets.dock_header import DockHeader, action_button
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.stage.view import local_files

NARROWEST = QSize(160, 60)


class DockPage(QWidget):
    """A header, a body and an empty state. The header belongs to the dock's title bar, not into the page."""

    def __init__(self, title: str, body: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.header = DockHeader(title)
        self.empty = EmptyState("", "")
        self._body = body
        self._stack = QStackedWidget()
        self._stack.addWidget(body)
        self._stack.addWidget(self.empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)

    def show_body(self, shown: bool, *, otherwise: str) -> None:
        """Show the body, or say what is in the way of that."""
        self._stack.setCurrentWidget(self._body if shown else self.empty)
        self.empty.say("", otherwise)


class DockList(DockPage):
    """A list with an add button in its header; files can be dropped on it wherever `takes_files` allows."""

    files_dropped = Signal(object)
    add_wanted = Signal()

    def __init__(
        self,
        title: str,
        theme: Theme,
        *,
        add_text: str,
        choose_text: str,
        delegate: QStyledItemDelegate,
        takes_files: Callable[[], bool],
    ) -> None:
        self.view = QListView()
        super().__init__(title, self.view)
        self._theme = theme
        self._delegate = delegate
        self._takes_files = takes_files
        self.setAcceptDrops(True)
        self.add_action = QAction(add_text, self)
        self.add_action.triggered.connect(self.add_wanted)
        self.header.add_widget(action_button(self.add_action))
        self.choose_button = self.empty.add_button(choose_text)
        self.choose_button.clicked.connect(self.add_wanted)
        self.empty.files_dropped.connect(self._on_files_dropped)
        self.view.setItemDelegate(delegate)
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setAccessibleName(title)
        theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    def minimumSizeHint(self) -> QSize:
        """Narrow on a small screen."""
        return NARROWEST

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        self._take(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Take files."""
        self._take(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell which files landed."""
        self._on_files_dropped(local_files(event.mimeData()))
        event.acceptProposedAction()

    def _take(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls() and self._takes_files():
            event.acceptProposedAction()

    def _on_files_dropped(self, files: list[str]) -> None:
        if files and self._takes_files():
            self.files_dropped.emit(files)

    def _on_theme_changed(self) -> None:
        self.add_action.setIcon(self._theme.icon("add"))
        self.view.viewport().update()
