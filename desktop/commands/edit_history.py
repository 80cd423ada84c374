"""Edits with undo: each is one named transaction in the project file, kept as the change record that
reverts it.
"""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from desktop.state.notices import Notices
from desktop.state.project_session import ProjectSession
from engine.protocol.errors import UserError
from projects_db.errors import ProjectError
from projects_db.project_change import ProjectChange
from projects_db.records import ChangeRecord

Result = TypeVar("Result")


class EditHistory(QObject):
    """The user's edits in order. What cannot be done is said in the notice strip and leaves everything as
    it was.
    """

    history_changed = Signal()

    def __init__(self, session: ProjectSession, notices: Notices) -> None:
        super().__init__()
        self._session = session
        self._notices = notices
        self._stack = QUndoStack(self)
        self._stack.indexChanged.connect(self.history_changed)
        session.project_opened.connect(self._stack.clear)
        session.project_closed.connect(self._stack.clear)

    @property
    def stack(self) -> QUndoStack:
        """The undo stack, for the Edit menu."""
        return self._stack

    def perform(self, name: str, edit: Callable[[ProjectChange], Result]) -> Result | None:
        """Run `edit` as one change called `name`; None when it could not be done."""
        try:
            with self._session.store.change(name) as change:
                result = edit(change)
        except (ProjectError, UserError) as error:
            self._notices.failed(error)
            self._session.refresh()
            return None
        if change.record.rows:
            self._stack.push(_CommittedEdit(self, change.record))
        self._session.refresh_after(change.record)
        return result

    def undo(self) -> None:
        """Take the last edit back."""
        self._stack.undo()

    def redo(self) -> None:
        """Do the edit again that was taken back last."""
        self._stack.redo()

    def revert(self, record: ChangeRecord) -> bool:
        """Take a change back; False, with a notice, when the project has moved on too far."""
        return self._replay(record, self._session.store.revert)

    def apply_again(self, record: ChangeRecord) -> bool:
        """Do a reverted change again; False, with a notice, when the project has moved on too far."""
        return self._replay(record, self._session.store.apply_again)

    def _replay(self, record: ChangeRecord, replay: Callable[[ChangeRecord], None]) -> bool:
        try:
            replay(record)
        except ProjectError as error:
            self._notices.failed(error)
            self._session.refresh()
            return False
        self._session.refresh_after(record)
        self._notices.dismiss()
        return True


class _CommittedEdit(QUndoCommand):
    """A change that is already in the file when it is pushed."""

    def __init__(self, history: EditHistory, record: ChangeRecord) -> None:
        super().__init__(record.name)
        self._history = history
        self._record = record
        self._committed = True

    def redo(self) -> None:
        """Apply the change again; the first call comes from pushing, when it is in the file already."""
        if self._committed:
            return
        self._committed = self._history.apply_again(self._record)
        self.setObsolete(not self._committed)

    def undo(self) -> None:
        """Take the change back."""
        self._committed = not self._history.revert(self._record)
        self.setObsolete(self._committed)
