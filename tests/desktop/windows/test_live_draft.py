"""The timeline plays at once: a draft is prepared beside the window and follows every edit."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.desktop.hands import wait_until


@pytest.fixture
def live(opened):
    """The window with a short scene that is driven by a voice alone, with its draft prepared."""
    desk = opened.desk
    desk.clips.delete(frozenset({desk.session.scene.characters[0].driving_clips[0].id}))
    desk.scenes.set_length(40)
    desk.live.set_enabled(True)
    wait_until(lambda: desk.live.draft is not None)
    return opened


def test_playing_shows_moving_pictures_to_the_end_and_counts_every_frame(live):
    desk = live.desk
    wait_until(lambda: desk.player.image is not None)
    assert (desk.player.image.width(), desk.player.image.height()) == (960, 540)
    shown = []
    desk.player.image_changed.connect(lambda: shown.append(desk.playback.frame))
    QTest.keyClick(live.window.stage.view, Qt.Key.Key_Space)
    wait_until(lambda: not desk.playback.playing)
    assert desk.playback.frame == 39
    assert len(shown) + desk.playback.dropped >= 40


def test_an_edit_prepares_another_draft_and_the_former_one_stays_meanwhile(live):
    desk = live.desk
    before = desk.live.draft
    box = desk.session.scene.characters[1].region.keys[0].box
    desk.characters.set_feather(desk.session.scene.characters[1].id, 0.45)
    assert desk.live.draft is before
    wait_until(lambda: desk.live.draft is not before)
    assert desk.live.draft.request.characters[1].region.feather == 0.45
    assert desk.session.scene.characters[1].region.keys[0].box == box


def test_an_edit_that_changes_no_picture_prepares_nothing(live):
    desk = live.desk
    before = desk.live.draft
    desk.scenes.rename(desk.session.scene.id, "Another name")
    QTest.qWait(300)
    assert desk.live.progress is None
    assert desk.live.draft is before


def test_a_missing_file_is_told_on_the_stage_and_the_plate_stays(live):
    desk, window = live.desk, live.window
    desk.session.store.asset_path(desk.session.assets[voice_id(desk)]).unlink()
    desk.characters.set_feather(desk.session.scene.characters[1].id, 0.3)
    wait_until(lambda: desk.live.problem is not None)
    assert "voice.wav" in window.stage.note.text.text()
    assert desk.player.image is None
    assert window.stage.view.image is not None


def voice_id(desk):
    return desk.session.scene.characters[1].voice_clips[0].asset_id


def test_progress_that_was_on_its_way_when_preparing_ended_is_ignored(opened):
    live = opened.desk.live
    live.stop()
    live._loader.draft_progressed.emit("Looking for the driver", 0.4)
    assert live.progress is None
