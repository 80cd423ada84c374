"""The plan's numbers as a hand types them, and the click beside the plan that closes it."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest


def press_beside(popup, widget):
    """Press on a widget of the window while the plan is open: the press goes to the plan."""
    point = popup.mapFromGlobal(widget.mapToGlobal(widget.rect().center()))
    assert not popup.rect().contains(point)
    QTest.mouseClick(popup, Qt.MouseButton.LeftButton, pos=point)


def test_one_click_beside_the_open_plan_queues_and_the_plans_button_only_closes_it(opened, popup):
    asked = []
    opened.window.bar.render_wanted.disconnect(opened.desk.renders.queue_scene)
    opened.window.bar.render_wanted.connect(lambda: asked.append(popup.isVisible()))
    press_beside(popup, opened.window.bar.plan_button)
    assert (asked, popup.isVisible()) == ([], False)
    popup.open_below(opened.window.bar.plan_button)
    press_beside(popup, opened.window.bar.render_button)
    assert (asked, popup.isVisible()) == ([False], False)
