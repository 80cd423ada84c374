"""The chosen scene's takes: look at one on the stage, rate it, note something, open its folder."""

from PySide6.QtCore import QEvent, QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.authoring.takes import take_directory
from desktop.models.roles import Role
from desktop.models.take_list import TakeListModel
from desktop.panels.desk import Desk
from desktop.panels.row_painting import TakeDelegate
from desktop.state.playback import StageSource
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.labels import ElidedLabel, TextTone, label
from desktop.widgets.star_rating import StarRating
from projects_db.records import TakeRecord, TakeStatus


class TakesPanel(QWidget):
    """A list of takes, and the selected one beside it. A note is kept when its line is left."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.model = TakeListModel(desk.session, desk.queue)
        self._delegate = TakeDelegate(desk.theme)
        self.view = QListView()
        self.view.setModel(self.model)
        self.view.setItemDelegate(self._delegate)
        self.view.setMouseTracking(True)
        self.view.setAccessibleName(self.tr("Takes"))
        self._shown: str | None = None
        self.rating = StarRating(desk.theme)
        self.notes = QLineEdit()
        self.notes.setPlaceholderText(self.tr("A note on this take"))
        self.notes.setAccessibleName(self.tr("Note on the take"))
        self.notes.installEventFilter(self)
        self._trouble = ElidedLabel(TextTone.QUIET)
        self.making = ElidedLabel(TextTone.SECONDARY)
        self.memory = ElidedLabel(TextTone.SECONDARY)
        self.show_button = QPushButton(self.tr("Show on stage"))
        self.folder_button = QPushButton(self.tr("Open folder"))
        self._details = self._details_page()
        self._empty = EmptyState(
            "", self.tr("No takes of this scene yet. Each render you queue becomes one.")
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._list_page())
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        self._bind()
        self._on_reset()

    def keep_note(self) -> None:
        """Write the note that is being typed into the project."""
        if self._shown is not None and self._desk.session.is_open:
            self._desk.scenes.note_take(self._shown, self.notes.text().strip())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the note when its line is left."""
        if watched is self.notes and event.type() == QEvent.Type.FocusOut:
            self.keep_note()
        return False

    def selected_take(self) -> TakeRecord | None:
        """Return the selected take."""
        index = self.view.currentIndex()
        return self.model.take(index.row()) if index.isValid() else None

    def _list_page(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.view, 3)
        row.addWidget(self._details, 2)
        return page

    def _details_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(8, 4, 12, 8)
        column.setSpacing(6)
        buttons = QHBoxLayout()
        buttons.addWidget(label(self.tr("Rating"), TextTone.QUIET))
        buttons.addWidget(self.rating)
        buttons.addStretch(1)
        buttons.addWidget(self.show_button)
        buttons.addWidget(self.folder_button)
        column.addLayout(buttons)
        column.addWidget(self.notes)
        column.addWidget(self.making)
        column.addWidget(self.memory)
        column.addWidget(self._trouble)
        column.addStretch(1)
        return page

    def _bind(self) -> None:
        self.model.modelReset.connect(self._on_reset)
        self._desk.session.project_closing.connect(self.keep_note)
        self.view.selectionModel().currentChanged.connect(self._show_take)
        self.view.activated.connect(self._on_show_clicked)
        self.rating.rated.connect(self._on_rated)
        self.notes.returnPressed.connect(self.keep_note)
        self.show_button.clicked.connect(self._on_show_clicked)
        self.folder_button.clicked.connect(self._on_folder_clicked)

    def _on_reset(self) -> None:
        has_rows = self.model.rowCount() > 0
        self._stack.setCurrentIndex(0 if has_rows else 1)
        row = max(0, self.model.row_of(self._shown))
        if has_rows:
            self.view.setCurrentIndex(self.model.index(row))
        self._show_take()

    def _show_take(self) -> None:
        take = self.selected_take()
        if take is None or take.id != self._shown:
            self.keep_note_of_shown()
        self._details.setEnabled(take is not None)
        self._shown = take.id if take is not None else None
        done = take is not None and take.status is TakeStatus.DONE
        self.show_button.setEnabled(done)
        self.folder_button.setEnabled(done)
        self.rating.show_rating(take.rating if take else 0)
        if not self.notes.hasFocus() or take is None:
            self.notes.setText(take.notes if take else "")
        self._trouble.set_text((take.error or "") if take else "")
        self.making.set_text(self.view.currentIndex().data(Role.THIRD_LINE) or "" if take else "")
        self.memory.set_text(self.view.currentIndex().data(Role.FOURTH_LINE) or "" if take else "")
        self.memory.setVisible(bool(self.memory.text()))

    def keep_note_of_shown(self) -> None:
        """Keep an unfinished note before another take is shown."""
        if self.notes.hasFocus() and self.notes.isModified():
            self.keep_note()
            self.notes.setModified(False)

    def _on_rated(self, rating: int) -> None:
        take = self.selected_take()
        if take is not None:
            self._desk.scenes.rate_take(take.id, rating)

    def _on_show_clicked(self) -> None:
        take = self.selected_take()
        if take is not None and take.status is TakeStatus.DONE:
            self._desk.playback.show(StageSource.TAKE, take.id)

    def _on_folder_clicked(self) -> None:
        take = self.selected_take()
        if take is not None:
            folder = take_directory(self._desk.session.store, take)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
