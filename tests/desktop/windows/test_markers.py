"""Markers on the ruler: set with M, named, dragged, removed, each with undo."""

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from desktop.commands.marker_edits import MARKER_COLOUR
from desktop.widgets.timeline.layout import Part
from tests.desktop.hands import at, drag


@pytest.fixture
def view(opened):
    return opened.window.timeline.view


@pytest.fixture
def markers(opened):
    return lambda: [(marker.frame, marker.name) for marker in opened.desk.session.scene.markers]


def press_m(opened):
    QTest.keyClick(opened.window, Qt.Key.Key_M)


def flag(view, frame):
    return at(view.scale().x_of(frame), 5)


def test_m_marks_the_playhead_and_undo_takes_it_back(opened, view, markers):
    opened.desk.playback.move_to(30)
    press_m(opened)
    assert markers() == [(30, "Marker 1")]
    image = view.viewport().grab().toImage()
    assert image.pixelColor(flag(view, 30)) == QColor(MARKER_COLOUR)
    opened.desk.history.undo()
    assert markers() == []
    assert view.viewport().grab().toImage().pixelColor(flag(view, 30)) != QColor(MARKER_COLOUR)


def test_m_on_a_marker_asks_for_its_name(opened, markers):
    press_m(opened)
    press_m(opened)
    question = opened.window.question
    assert question.isVisible()
    QTest.keyClicks(question.line, "smile begins")
    QTest.keyClick(question.line, Qt.Key.Key_Return)
    assert markers() == [(0, "smile begins")]


def test_a_marker_is_dragged_along_the_ruler(opened, view, markers):
    opened.desk.markers.add(30)
    drag(view.viewport(), flag(view, 30), flag(view, 50))
    assert markers() == [(50, "Marker 1")]
    opened.desk.history.undo()
    assert markers() == [(30, "Marker 1")]


def test_a_click_on_a_marker_goes_to_its_frame(opened, view, markers):
    opened.desk.markers.add(47)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=flag(view, 47) + QPoint(3, 0))
    assert opened.desk.playback.frame == 47
    assert markers() == [(47, "Marker 1")]


def test_a_marker_is_no_farther_left_than_the_scene_and_never_on_another(opened, view, markers):
    opened.desk.markers.add(20)
    opened.desk.markers.add(40)
    drag(view.viewport(), flag(view, 40), flag(view, 20))
    assert markers() == [(20, "Marker 1"), (40, "Marker 2")]
    drag(view.viewport(), flag(view, 20), flag(view, 20) - QPoint(2000, 0))
    assert markers() == [(0, "Marker 1"), (40, "Marker 2")]


def test_a_marker_tells_its_name_and_can_be_deleted(opened, view, markers):
    marker_id = opened.desk.markers.add(30)
    point = flag(view, 30)
    hit = view.layout_now().hit(point.toPointF())
    assert (hit.part, hit.marker.marker_id) == (Part.MARKER, marker_id)
    tip = QHelpEvent(QEvent.Type.ToolTip, point, view.viewport().mapToGlobal(point))
    QApplication.sendEvent(view.viewport(), tip)
    assert QToolTip.text() == "Marker 1"
    QToolTip.hideText()
    opened.desk.markers.remove(marker_id)
    assert markers() == []


def test_clips_snap_to_markers(opened, view):
    opened.desk.markers.add(60)
    view.set_zoom(4.0)
    _, rect = view.layout_now().lane_rects()[0]
    start = at(view.scale().x_of(40), rect.center().y())
    drag(view.viewport(), start, start + QPoint(round(35 * view.px_per_frame), 0))
    assert opened.desk.session.scene.characters[0].driving_clips[0].start_frame == 60
