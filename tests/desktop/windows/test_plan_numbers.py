"""The plan's numbers as a hand types them, and the click beside the plan that closes it."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.protocol.render_request import RendererName
from tests.desktop.windows.plan_hands import plan_diffusion, type_number


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


def test_a_number_that_cannot_be_stays_as_typed_is_marked_and_queues_nothing(opened, popup):
    opened.desk.choice.set_renderer(RendererName.DIFFUSION)
    for number, typed, sentence in (
        (popup.takes, "-9", "-9 takes of a scene cannot be queued at once. Choose from 1 to 100 takes."),
        (popup.steps, "99999", "A diffusion render cannot have 99999 steps. Choose from 1 to 200 steps."),
        (popup.seed, "2147483648", "The seed 2147483648 is out of range. Choose a whole number from 0"),
    ):
        type_number(number, typed)
        assert (number.text(), number.property("wrong")) == (typed, True)
        assert number.toolTip().startswith(sentence)
        assert popup.outlook.verdict.text() == opened.window.bar.plan_button.text() == "Not planned"
        assert popup.outlook.facts.text().startswith(sentence)
        press_beside(popup, opened.window.bar.render_button)
        assert opened.desk.session.takes == ()
        assert opened.window.message.text.startswith(sentence.split(".")[0])
        popup.open_below(opened.window.bar.plan_button)
        type_number(number, 2)
        assert not number.property("wrong")


def test_what_is_typed_last_is_queued_though_the_field_was_not_left(opened, popup):
    opened.window.bar.render_wanted.disconnect(opened.desk.renders.queue_scene)
    popup.takes.selectAll()
    QTest.keyClicks(popup.takes, "101")
    assert opened.desk.choice.take_count == 10
    press_beside(popup, opened.window.bar.render_button)
    assert opened.desk.choice.take_count == 101


def test_a_draft_tells_of_a_wrong_number_too_and_an_emptied_field_is_the_usual(opened, popup):
    type_number(popup.takes, "0")
    assert "0 takes of a scene cannot be queued" in popup.words.text()
    popup.takes.selectAll()
    QTest.keyClick(popup.takes, Qt.Key.Key_Delete)
    QTest.keyClick(popup.takes, Qt.Key.Key_Return)
    assert (opened.desk.choice.take_count, popup.takes.text()) == (1, "1")
    assert "cannot be queued" not in popup.words.text()


def test_the_advanced_setting_that_cannot_be_is_marked_and_says_why(opened, popup):
    plan_diffusion(opened)
    fields = popup.advanced.fields
    type_number(fields["segment_frames"], 80)
    wrong = {name for name, field in fields.items() if field.property("wrong")}
    assert wrong == {"segment_frames"}
    assert fields["segment_frames"].toolTip().startswith("A segment cannot be 80 frames long.")
    type_number(fields["segment_frames"], 49)
    assert not fields["segment_frames"].property("wrong")
    assert "Model frames of one pass" in fields["segment_frames"].toolTip()
