"""The window by menu, key and mouse, on a real project."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QMessageBox,
    QScrollBar,
)

from desktop.panels.clip_section import ClipSection
from desktop.state.playback import StageSource
from desktop.theme.theme import ThemeChoice
from desktop.widgets.timeline.layout import CLIP_LANE_PX, RULER_PX
from projects_db.project_store import ProjectStore
from projects_db.records import Channel, RegionShape
from tests.desktop.hands import at, drag, wait_until


@pytest.fixture
def window(opened):
    return opened.window


@pytest.fixture
def ada(opened):
    return lambda: opened.desk.session.scene.characters[0]


@pytest.fixture
def bruno(opened):
    return lambda: opened.desk.session.scene.characters[1]


def clip_point(window, frame, lane=0):
    """Return the middle of a lane at a frame, in the timeline's viewport."""
    layout = window.timeline.view.layout_now()
    _, rect = layout.lane_rects()[lane]
    return QPointF(layout.scale.x_of(frame), rect.top() + CLIP_LANE_PX / 2)


def press(window, key, modifiers=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(window, key, modifiers)


def trigger(window, menu, text):
    action = next(a for a in window.menus.menu(menu).actions() if a.text().startswith(text))
    assert action.isEnabled()
    action.trigger()


def drop(widget, position, *files):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    event = QDropEvent(
        QPointF(position),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    widget.dropEvent(event)


def test_an_empty_window_says_what_to_do(masque):
    assert masque.window.stage._stack.currentWidget() is masque.window.stage._no_project
    assert not masque.window.bar.render_button.isEnabled()


def test_opening_shows_scenes_regions_tracks_and_remembers_the_project(opened, window, project):
    assert window.scenes.model.rowCount() == 1
    assert [lane.title for lane in window.timeline.view.content.lanes] == ["Ada", "Mouth", "Bruno"]
    assert window.inspector.header.title.text() == "Ada"
    assert window.bar.render_button.isEnabled()
    assert window.windowTitle() == "night shift – Masque"
    assert opened.desk.preferences.recent_projects() == (project,)
    wait_until(lambda: window.stage.view.image is not None)


def test_a_file_that_is_no_project_is_refused_in_place(masque, tmp_path):
    wrong = tmp_path / "wrong.masque"
    wrong.write_bytes(b"nothing of the kind")
    masque.window.flows.open_project(wrong)
    assert masque.window.message.isVisible()
    assert "wrong.masque" in masque.window.message.text
    assert not masque.desk.session.is_open


def test_a_clip_dragged_by_mouse_moves_and_undo_brings_it_back(window, ada):
    view = window.timeline.view
    view.set_snaps(False)
    start = clip_point(window, 60)
    drag(view.viewport(), start, start + QPointF(10 * view.px_per_frame, 0))
    assert ada().driving_clips[0].start_frame == 34
    assert window.menus.menu("edit").actions()[0].text() == "Undo Move driving clip"
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert ada().driving_clips[0].start_frame == 24
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert ada().driving_clips[0].start_frame == 34


def test_both_edges_trim_and_alt_slips(window, ada):
    view = window.timeline.view
    view.set_snaps(False)
    left = clip_point(window, 24) + QPointF(2, 0)
    drag(view.viewport(), left, left + QPointF(24 * view.px_per_frame, 0))
    assert (ada().driving_clips[0].start_frame, ada().driving_clips[0].source_in_s) == (48, 1)
    middle = clip_point(window, 80)
    drag(
        view.viewport(),
        middle,
        middle + QPointF(12 * view.px_per_frame, 0),
        Qt.KeyboardModifier.AltModifier,
    )
    assert ada().driving_clips[0].start_frame == 48
    assert float(ada().driving_clips[0].source_in_s) == pytest.approx(0.5)
    right = clip_point(window, 120) - QPointF(2, 0)
    drag(view.viewport(), right, right - QPointF(24 * view.px_per_frame, 0))
    assert ada().driving_clips[0].length_frames == 48


def test_keys_choose_nudge_and_delete_a_clip(window, ada):
    view = window.timeline.view
    press(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    press(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_clips == {ada().driving_clips[0].id}
    press(view, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert ada().driving_clips[0].start_frame == 23
    press(view, Qt.Key.Key_Delete)
    assert ada().driving_clips == ()


def test_dragging_snaps_to_the_playhead(opened, window, ada):
    opened.desk.playback.move_to(40)
    view = window.timeline.view
    view.set_zoom(4.0)
    start = clip_point(window, 60)
    drag(view.viewport(), start, start + QPointF(15 * view.px_per_frame, 0))
    assert ada().driving_clips[0].start_frame == 40


def test_a_region_dragged_by_mouse_moves_and_undo_brings_it_back(opened, window, ada):
    before = ada().region
    rect = window.stage.view.region_rect(ada().id)
    drag(window.stage.view.viewport(), rect.center(), rect.center() + QPointF(40, 10))
    moved = ada().region.keys[0].box
    assert moved.x > before.keys[0].box.x
    assert moved.width == pytest.approx(before.keys[0].box.width)
    trigger(window, "edit", "Undo Move region")
    assert ada().region == before


def test_a_handle_sizes_the_selected_region_and_stays_on_the_plate(window, ada):
    rect = window.stage.view.region_rect(ada().id)
    handle = QPointF(rect.left(), rect.center().y())
    drag(window.stage.view.viewport(), handle, handle - QPointF(2000, 0))
    box = ada().region.keys[0].box
    assert box.x == 0
    assert box.x + box.width == pytest.approx(0.35)


def test_a_region_is_drawn_by_hand_and_becomes_a_character(opened, window):
    trigger(window, "character", "Draw a face region")
    view = window.stage.view
    corner = QPointF(view.mapFromScene(QPointF(1100, 60)))
    drag(view.viewport(), corner, corner + QPointF(60, 60))
    characters = opened.desk.session.scene.characters
    assert [character.name for character in characters] == ["Ada", "Bruno", "Character 3"]
    assert opened.desk.selection.character_id == characters[2].id


def test_faces_on_the_plate_become_characters_once(opened, window):
    desk = opened.desk
    for character in desk.session.scene.characters:
        desk.characters.remove(character.id)
    trigger(window, "character", "Find faces")
    wait_until(lambda: desk.session.scene.characters)
    count = len(desk.session.scene.characters)
    trigger(window, "character", "Find faces")
    wait_until(lambda: desk.notices.notice is not None)
    assert len(desk.session.scene.characters) == count == 2


def test_the_diamond_sets_a_key_at_the_playhead_and_takes_it_away(opened, window, ada):
    opened.desk.playback.move_to(48)
    diamond = window.inspector.rows[Channel.MOUTH].diamond
    QTest.mouseClick(diamond, Qt.MouseButton.LeftButton)
    assert [key.frame for key in ada().curves[0].keys] == [24, 48, 72]
    QTest.keyClick(diamond, Qt.Key.Key_Space)
    assert [key.frame for key in ada().curves[0].keys] == [24, 72]


def test_a_slider_sets_the_value_and_is_one_edit(opened, window, ada):
    slider = window.inspector.rows[Channel.HEAD].slider
    middle = slider.height() / 2
    drag(slider, at(slider.width() / 2, middle), at(slider.width() - 2, middle))
    head = next(curve for curve in ada().curves if curve.channel is Channel.HEAD)
    assert head.keys[0].value == pytest.approx(2.0)
    assert opened.desk.history.stack.count() == 1


def test_a_double_click_on_a_curve_adds_a_key_and_it_can_be_dragged_and_deleted(window, ada):
    view = window.timeline.view
    layout = view.layout_now()
    lane, rect = layout.lane_rects()[1]
    point = at(layout.scale.x_of(96), layout.value_y(lane, 1.0, rect))
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    keys = ada().curves[0].keys
    assert [key.frame for key in keys] == [24, 72, 96]
    drag(view.viewport(), point, point + QPoint(round(10 * view.px_per_frame), -8))
    assert ada().curves[0].keys[2].frame == 106
    assert ada().curves[0].keys[2].value > keys[2].value
    press(view, Qt.Key.Key_Delete)
    assert [key.frame for key in ada().curves[0].keys] == [24, 72]


def test_transport_keys_step_and_jump(opened, window):
    playback = opened.desk.playback
    for key, frame in (
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_End, playback.length_frames - 1),
        (Qt.Key.Key_Left, playback.length_frames - 2),
        (Qt.Key.Key_Home, 0),
    ):
        press(window.timeline.view, key)
        assert playback.frame == frame


def test_space_plays_and_stops_and_the_playhead_moves(opened, window):
    playback = opened.desk.playback
    press(window.stage.view, Qt.Key.Key_Space)
    assert playback.playing
    wait_until(lambda: playback.frame > 2)
    press(window.stage.view, Qt.Key.Key_Space)
    assert not playback.playing


def test_a_dropped_still_becomes_a_scene_with_its_faces(opened, window, samples):
    drop(window.scenes, QPoint(5, 5), samples / "duet.png")
    wait_until(lambda: window.scenes.model.rowCount() == 2)
    session = opened.desk.session
    assert session.scene.name == "Duet 2"
    assert len(session.scene.characters) == 2
    trigger(window, "edit", "Undo Add scene")
    assert window.scenes.model.rowCount() == 1
    assert session.scene.name == "Duet"


def test_a_clip_dropped_on_a_track_lands_at_that_frame(window, bruno, samples):
    view = window.timeline.view
    drop(view, clip_point(window, 48, lane=2).toPoint(), samples / "driver_pair.mp4")
    wait_until(lambda: bruno().driving_clips)
    assert abs(bruno().driving_clips[0].start_frame - 48) <= 1


def test_a_still_dropped_on_a_track_is_refused_in_words(opened, window, bruno, samples):
    drop(window.timeline.view, clip_point(window, 48, lane=2).toPoint(), samples / "duet.png")
    wait_until(lambda: opened.desk.notices.notice is not None)
    assert "duet.png" in window.message.text
    assert bruno().driving_clips == ()


def test_a_missing_file_that_is_dropped_is_refused_in_words(opened, window, tmp_path):
    drop(window.scenes, QPoint(5, 5), tmp_path / "gone.png")
    wait_until(window.message.isVisible)
    assert "gone.png" in window.message.text
    assert window.scenes.model.rowCount() == 1


def test_what_another_process_writes_shows_within_a_second_or_so(opened, window, project):
    with ProjectStore.open(project) as other, other.change("Rename") as change:
        change.update_scene(opened.desk.session.scene.id, name="Renamed outside")
    wait_until(lambda: opened.desk.session.scenes[0].name == "Renamed outside")
    assert window.scenes.model.index(0).data() == "Renamed outside"


def test_a_character_is_renamed_in_a_strip_by_keys(opened, window, ada):
    press(window, Qt.Key.Key_F2)
    assert window.question.isVisible()
    QTest.keyClicks(window.question.line, "Grace")
    QTest.keyClick(window.question.line, Qt.Key.Key_Return)
    assert ada().name == "Grace"
    assert not window.question.isVisible()


def test_a_version_is_saved_under_its_name(opened, window):
    press(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(window.question.line, "before lunch")
    QTest.mouseClick(window.question.accept_button, Qt.MouseButton.LeftButton)
    assert [version.name for version in opened.desk.session.store.versions()] == ["before lunch"]


def test_the_project_goes_back_to_a_version(opened, window, ada):
    window.flows.save_version("with Ada")
    opened.desk.characters.remove(ada().id)
    assert ada().name == "Bruno"
    window.flows.restore_version(window.flows.versions()[0])
    assert ada().name == "Ada"
    assert not opened.desk.history.stack.canUndo()


def test_a_damaged_project_is_brought_back_from_its_newest_version(masque, project):
    with ProjectStore.open(project) as store:
        store.save_version("good")
    project.write_bytes(b"SQLite format 3\x00" + bytes(5000))
    masque.window.flows.open_project(project)
    assert not masque.desk.session.is_open
    remedy = masque.desk.notices.notice.remedies[0]
    assert remedy.label == "Bring back the newest version"
    remedy.act()
    assert masque.desk.session.scene.name == "Duet"


def test_removing_a_scene_asks_first(opened, window):
    window.confirm_scene_removal(opened.desk.session.scene.id)
    boxes = window.findChildren(QMessageBox)
    assert len(boxes) == 1
    assert len(opened.desk.session.scenes) == 1
    boxes[0].buttons()[0].click()
    assert opened.desk.session.scenes == ()
    assert window.stage._stack.currentWidget() is window.stage._no_scene


def test_clip_properties_are_edited_in_the_inspector(opened, window, ada):
    opened.desk.selection.select_clips(frozenset({ada().driving_clips[0].id}))
    section = window.inspector.findChild(ClipSection)
    assert section.isVisible()
    section.speed.setValue(0.5)
    assert float(ada().driving_clips[0].speed) == 0.5
    section.keep_sound.click()
    assert ada().driving_clips[0].keep_sound


def test_a_region_can_be_a_box(window, ada):
    trigger(window, "character", "Box region")
    assert ada().region.shape is RegionShape.BOX


def test_themes_are_chosen_in_the_view_menu_and_remembered(opened, window):
    theme_menu = next(a for a in window.menus.menu("view").actions() if a.text() == "Theme").menu()
    for action in theme_menu.actions():
        if action.text() == "Light":
            action.trigger()
    assert opened.desk.theme.choice is ThemeChoice.LIGHT
    assert not opened.desk.theme.tokens.is_dark
    assert opened.desk.preferences.theme() == "light"
    opened.desk.theme.choose(ThemeChoice.DARK)


def test_closing_the_project_empties_the_window_and_leaves_one_file(opened, window, project):
    press(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert not opened.desk.session.is_open
    assert window.scenes.model.rowCount() == 0
    assert not window.bar.render_button.isEnabled()
    assert sorted(path.name for path in Path(project).parent.glob("night shift.masque*")) == [
        "night shift.masque"
    ]


def test_a_curve_lane_folds_by_a_click_on_its_head(window):
    view = window.timeline.view
    _, rect = view.layout_now().lane_rects()[1]
    height = rect.height()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at(40, rect.center().y()))
    assert view.layout_now().lane_rects()[1][1].height() < height


def test_the_ruler_moves_the_playhead(opened, window):
    view = window.timeline.view
    point = at(view.scale().x_of(50), RULER_PX / 2)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert opened.desk.playback.frame == 50


def test_every_control_has_a_name_to_be_read_aloud(window):
    for kind in (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox):
        for control in window.findChildren(kind):
            if isinstance(control, QScrollBar) or not control.isVisible():
                continue
            name = control.accessibleName() or (
                control.text() if isinstance(control, QAbstractButton) else ""
            )
            assert name, control


def test_the_stage_offers_the_plate(opened, window):
    QTest.mouseClick(window.stage.transport.source.button("plate"), Qt.MouseButton.LeftButton)
    assert opened.desk.playback.source is StageSource.PLATE
