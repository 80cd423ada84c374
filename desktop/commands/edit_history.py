"""Edits with undo: each is one named transaction in the project file, kept as its change record."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QUndoCommand, QUndoStack

from desktop.state.notices import Notices
from desktop.state.project_session import ProjectSession
from engine.protocol.errors import UserError
from projects_db.errors import ProjectError
from projects_db.project_change import ProjectChange
from projects_db.records import ChangeRecord

Result = TypeVar("Result")


class Replay(StrEnum):
    """What came of reverting a change or applying it again."""

    DONE = "done"
    OUTDATED = "outdated"
    REFUSED = "refused"


class EditHistory(QObject):
    """The user's edits in order. What cannot be done is said in the strip and leaves everything as it was."""

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
        """Take the last edit back. One that only cannot be taken back now stays the last edit."""
        step = self._step(self._stack.index() - 1)
        self._stack.undo()
        if step is not None and step.is_refused:
            self._stack.redo()

    def redo(self) -> None:
        """Do the edit again that was taken back last. One that only cannot be done now stays the next."""
        step = self._step(self._stack.index())
        self._stack.redo()
        if step is not None and step.is_refused:
            self._stack.undo()

    def undo_action(self, parent: QObject, word: str) -> QAction:
        """Return an action that takes the last edit back and names it after `word`."""
        action = _NamedStep(word, parent)
        action.setEnabled(self._stack.canUndo())
        action.triggered.connect(self.undo)
        self._stack.canUndoChanged.connect(action.setEnabled)
        self._stack.undoTextChanged.connect(action.name_step)
        return action

    def redo_action(self, parent: QObject, word: str) -> QAction:
        """Return an action that does the edit again that was taken back last and names it after `word`."""
        action = _NamedStep(word, parent)
        action.setEnabled(self._stack.canRedo())
        action.triggered.connect(self.redo)
        self._stack.canRedoChanged.connect(action.setEnabled)
        self._stack.redoTextChanged.connect(action.name_step)
        return action

    def revert(self, record: ChangeRecord) -> Replay:
        """Take a change back; a notice says why when it cannot be."""
        return self._replay(record, self._session.store.revert)

    def apply_again(self, record: ChangeRecord) -> Replay:
        """Do a reverted change again; a notice says why when it cannot be."""
        return self._replay(record, self._session.store.apply_again)

    def _step(self, index: int) -> "_CommittedEdit | None":
        if not 0 <= index < self._stack.count():
            return None
        command = self._stack.command(index)
        return command if isinstance(command, _CommittedEdit) else None

    def _replay(self, record: ChangeRecord, replay: Callable[[ChangeRecord], None]) -> Replay:
        try:
            replay(record)
        except ProjectError as error:
            self._session.refresh()
            self._notices.failed(error)
            return Replay.OUTDATED if error.code == "conflict" else Replay.REFUSED
        self._session.refresh_after(record)
        self._notices.dismiss()
        return Replay.DONE


class _NamedStep(QAction):
    """An action that says which edit it is about. The stack outlives the window, and lets go of it then."""

    def __init__(self, word: str, parent: QObject) -> None:
        super().__init__(word, parent)
        self._word = word

    def name_step(self, name: str) -> None:
        """Put the edit's name behind the word."""
        self.setText(f"{self._word} {name}".strip())


class _CommittedEdit(QUndoCommand):
    """A change that is already in the file when it is pushed.

    What the project has moved on from leaves the stack. What was refused for now (a lock, a full disk) stays;
    `is_refused` then tells the history to move the stack's index back, which calls this without an effect.
    """

    def __init__(self, history: EditHistory, record: ChangeRecord) -> None:
        super().__init__(record.name)
        self._history = history
        self._record = record
        self._committed = True
        self.is_refused = False

    def redo(self) -> None:
        """Apply the change again; the first call comes from pushing, when it is in the file already."""
        if not self._committed:
            self._committed = self._follow(self._history.apply_again(self._record))

    def undo(self) -> None:
        """Take the change back."""
        if self._committed:
            self._committed = not self._follow(self._history.revert(self._record))

    def _follow(self, outcome: Replay) -> bool:
        self.is_refused = outcome is Replay.REFUSED
        self.setObsolete(outcome is Replay.OUTDATED)
        return outcome is Replay.DONE
