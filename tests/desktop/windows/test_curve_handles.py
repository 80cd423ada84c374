"""The handles of a curve's keys are dragged; edits beside them leave them as they are."""

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from desktop.widgets.timeline.layout import Part
from projects_db.records import Channel, Interpolation
from tests.desktop.hands import drag


@pytest.fixture
def keys(opened):
    """Ada's mouth curve: level keys at 24, 72 and 96 with smooth ways between."""
    ada = opened.desk.session.scene.characters[0].id
    opened.desk.curves.add_key(ada, Channel.MOUTH, 96, 0.5)
    smooth = frozenset({24, 72, 96})
    opened.desk.curves.set_interpolation(ada, Channel.MOUTH, smooth, Interpolation.BEZIER)
    return lambda: opened.desk.session.scene.characters[0].curves[0].keys


@pytest.fixture
def view(opened, keys):
    return opened.window.timeline.view


@pytest.fixture
def ada(opened):
    return opened.desk.session.scene.characters[0].id


def handle_end(view, frame, side):
    """Return where a key's handle ends in the viewport."""
    lane, rect = view.layout_now().lane_rects()[1]
    point = next(point for point in lane.points if point.frame == frame)
    return view.layout_now().handle_end(lane, point, getattr(point, f"handle_{side}"), rect)


def drag_handle(view, frame, side, by, modifiers=Qt.KeyboardModifier.NoModifier):
    end = handle_end(view, frame, side)
    assert view.layout_now().hit(end).part is Part.HANDLE
    drag(view.viewport(), end, end + by, modifiers)


def test_a_dragged_handle_bends_the_curve_and_the_other_stays_in_line(opened, view, keys):
    before = keys()
    drag_handle(view, 72, "out", QPointF(0, 4))
    shaped = keys()[1]
    assert shaped.handle_out[1] < 0 < shaped.handle_in[1]
    assert shaped.handle_in[0] == pytest.approx(before[1].handle_in[0])
    slopes = [handle[1] / handle[0] for handle in (shaped.handle_in, shaped.handle_out)]
    assert slopes[0] == pytest.approx(slopes[1], abs=1e-3)
    assert (keys()[0], keys()[2]) == (before[0], before[2])
    opened.desk.history.undo()
    assert keys() == before


def test_with_alt_the_other_handle_stays(view, keys):
    before = keys()[1]
    drag_handle(view, 72, "out", QPointF(4, 8), Qt.KeyboardModifier.AltModifier)
    assert keys()[1].handle_in == before.handle_in
    assert keys()[1].handle_out != before.handle_out


def test_a_handle_stays_on_its_side_short_of_the_neighbour_and_in_range(view, keys):
    drag_handle(view, 72, "out", QPointF(5000, -5000))
    assert keys()[1].handle_out[0] == 24
    assert keys()[1].value + keys()[1].handle_out[1] <= 2.0
    drag_handle(view, 24, "out", QPointF(-500, 0))
    assert keys()[0].handle_out[0] == 0.25


def test_other_edits_keep_what_was_shaped_and_ease_the_rest(opened, view, keys, ada):
    curves = opened.desk.curves
    drag_handle(view, 72, "out", QPointF(0, 8))
    shaped = (keys()[1].handle_in, keys()[1].handle_out)
    curves.move_key(ada, Channel.MOUTH, 96, to_frame=108, value=0.5)
    curves.add_key(ada, Channel.MOUTH, 120, 1.0)
    curves.move_key(ada, Channel.MOUTH, 72, to_frame=60, value=1.2)
    assert [key.frame for key in keys()] == [24, 60, 108, 120]
    assert (keys()[1].handle_in, keys()[1].handle_out) == shaped
    assert keys()[2].handle_out == (4, 0)
    assert keys()[2].handle_in == (-16, 0)


def test_choosing_smooth_again_gives_level_handles(opened, view, keys, ada):
    before = keys()
    drag_handle(view, 72, "in", QPointF(0, -8))
    assert keys() != before
    opened.desk.curves.set_interpolation(ada, Channel.MOUTH, frozenset({72}), Interpolation.BEZIER)
    assert keys() == before


def test_the_curve_is_shown_bent_while_the_handle_is_dragged(view, keys):
    end = handle_end(view, 72, "out")
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=end.toPoint())
    QTest.mouseMove(view.viewport(), (end + QPointF(0, 8)).toPoint())
    shown = handle_end(view, 72, "out")
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=(end + QPointF(0, 8)).toPoint())
    assert shown.y() > end.y()
    assert handle_end(view, 72, "out").y() == pytest.approx(shown.y(), abs=0.1)
