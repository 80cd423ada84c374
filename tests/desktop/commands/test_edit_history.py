"""Undo survives a project that is busy for a moment; what others have changed since leaves the history."""

import sqlite3
from contextlib import contextmanager

import pytest
from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from shiboken6 import delete, isValid

from projects_db.project_store import ProjectStore


@pytest.fixture
def ada(opened):
    return lambda: opened.desk.session.scene.characters[0]


@contextmanager
def somebody_writing(desk):
    """Hold the project's write lock from outside; the store does not wait for it."""
    desk.session.store._project_connection.driver.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(desk.session.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def edit_action(window, word):
    return next(a for a in window.menus.menu("edit").actions() if a.text().startswith(word))


def test_an_undo_that_meets_a_lock_can_be_asked_for_again(opened, ada):
    desk = opened.desk
    desk.characters.rename(ada().id, "Eve")
    with somebody_writing(desk):
        desk.history.undo()
        assert "busy" in desk.notices.notice.message
        assert ada().name == "Eve"
        assert (desk.history.stack.count(), desk.history.stack.index()) == (1, 1)
    desk.history.undo()
    assert ada().name == "Ada"
    assert desk.notices.notice is None


def test_a_redo_that_meets_a_lock_can_be_asked_for_again(opened, ada):
    desk = opened.desk
    desk.characters.rename(ada().id, "Eve")
    desk.history.undo()
    with somebody_writing(desk):
        desk.history.redo()
        assert ada().name == "Ada"
        assert (desk.history.stack.count(), desk.history.stack.index()) == (1, 0)
    desk.history.redo()
    assert ada().name == "Eve"


def test_the_menu_keeps_the_step_that_met_a_lock(opened, ada):
    desk = opened.desk
    desk.characters.rename(ada().id, "Eve")
    undo = edit_action(opened.window, "Undo")
    assert isinstance(undo, QAction)
    with somebody_writing(desk):
        undo.trigger()
    assert undo.isEnabled()
    assert undo.text() == "Undo Rename character"
    undo.trigger()
    assert ada().name == "Ada"
    assert not undo.isEnabled()
    assert edit_action(opened.window, "Redo").text() == "Redo Rename character"


def test_an_undo_the_project_has_moved_on_from_leaves_the_history(opened, project, ada):
    desk = opened.desk
    desk.characters.rename(ada().id, "Eve")
    with ProjectStore.open(project) as other, other.change("Elsewhere") as change:
        change.remove_character(ada().id)
    desk.session.look_for_changes()
    desk.history.undo()
    assert desk.notices.notice is not None
    assert desk.history.stack.count() == 0


def test_edits_go_on_when_the_window_that_showed_them_is_gone(opened, ada, capfd):
    desk, gone = opened.desk, QObject()
    actions = [desk.history.undo_action(gone, "Undo"), desk.history.redo_action(gone, "Redo")]
    delete(gone)
    desk.characters.rename(ada().id, "Eve")
    desk.history.undo()
    assert not any(isValid(action) for action in actions)
    assert (ada().name, capfd.readouterr().err) == ("Ada", "")
