"""Files and faces come in as one edit each, and slow work is never done on the GUI thread."""

import threading

import pytest

from desktop.commands import imports
from projects_db.records import MediaKind
from tests.desktop.hands import wait_until


@pytest.fixture
def moved(opened, tmp_path):
    """The voice has gone to another folder."""
    desk = opened.desk
    asset = next(asset for asset in desk.session.assets.values() if asset.kind is MediaKind.AUDIO)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = desk.session.store.asset_path(asset)
    path.rename(folder / "other name.wav")
    return folder


def voice(desk):
    return next(asset for asset in desk.session.assets.values() if asset.kind is MediaKind.AUDIO)


def test_found_faces_are_one_edit(opened):
    desk = opened.desk
    for character in desk.session.scene.characters:
        desk.characters.remove(character.id)
    steps = desk.history.stack.count()
    desk.imports.find_characters()
    wait_until(lambda: desk.session.scene.characters)
    assert [character.name for character in desk.session.scene.characters] == ["Character 1", "Character 2"]
    assert desk.history.stack.count() == steps + 1
    desk.history.undo()
    assert desk.session.scene.characters == ()


def test_missing_media_are_looked_for_beside_the_window_and_undo_forgets_them(opened, moved, monkeypatch):
    desk, threads = opened.desk, []
    find = imports.find_missing

    def noting(assets, folder):
        threads.append(threading.current_thread())
        return find(assets, folder)

    monkeypatch.setattr(imports, "find_missing", noting)
    opened.window.flows.relink(moved)
    wait_until(lambda: desk.notices.notice is not None)
    assert threads and threading.main_thread() not in threads
    assert desk.notices.notice.message == "1 missing file was found."
    assert not voice(desk).missing
    assert voice(desk).relative_path.endswith("other name.wav")
    desk.history.undo()
    assert voice(desk).missing


def test_a_folder_without_the_missing_media_is_said_to_be_so(opened, moved, tmp_path):
    (tmp_path / "empty").mkdir()
    opened.window.flows.relink(tmp_path / "empty")
    wait_until(lambda: opened.desk.notices.notice is not None)
    assert opened.desk.notices.notice.message == "No missing file is there."
    assert opened.desk.history.stack.count() == 0


def test_a_folder_that_is_none_is_refused_in_words(opened, moved, tmp_path):
    opened.window.flows.relink(tmp_path / "nowhere")
    wait_until(lambda: opened.desk.notices.notice is not None)
    assert "nowhere" in opened.desk.notices.notice.message
    assert opened.desk.imports.busy == 0
