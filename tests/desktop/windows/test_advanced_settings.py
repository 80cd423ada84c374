"""The advanced settings of a render in the plan: folded, refused in words, taken back, remembered."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.app import PREFERENCES_NAME
from desktop.authoring.diffusion_settings import DiffusionChoice
from desktop.authoring.render_requests import plate_shaped
from desktop.state.preferences import Preferences
from desktop.state.render_choice import RenderChoice
from engine.client import engine_directories
from engine.protocol.diffusion_settings import Precision, Solver
from engine.protocol.memory_plan import PlanChange
from engine.protocol.render_request import RendererName
from tests.desktop.plan_samples import REFUSAL, RESIDENT
from tests.desktop.windows.plan_hands import settle


@pytest.fixture
def popup(opened, popup):
    """The plan of a diffusion render, open, with its advanced settings unfolded."""
    opened.desk.choice.set_renderer(RendererName.DIFFUSION)
    assert not popup.advanced.isVisible()
    QTest.mouseClick(popup.advanced_button, Qt.MouseButton.LeftButton)
    return popup


def type_into(field, text):
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)


def asked(outlook_source):
    return outlook_source.asked[-1].request.diffusion


def test_every_setting_is_reached_with_keys_from_the_folded_plan_which_stays_on_the_screen(opened, popup):
    room, wide = popup.screen().availableGeometry(), popup.width()
    assert room.contains(popup.geometry())
    QTest.mouseClick(popup.advanced_button, Qt.MouseButton.LeftButton)
    assert not popup.advanced.isVisible()
    assert popup.width() < wide
    popup.advanced_button.setFocus()
    QTest.keyClick(popup.advanced_button, Qt.Key.Key_Space)
    assert popup.advanced.isVisible()
    assert popup.width() == wide
    reached = []
    for _ in popup.advanced.fields:
        QTest.keyClick(popup.focusWidget(), Qt.Key.Key_Tab)
        reached.append(popup.focusWidget())
    assert reached == list(popup.advanced.fields.values())
    assert all(field.toolTip() and field.accessibleName() for field in reached)


def test_a_change_asks_the_plan_anew_is_queued_and_goes_back_to_usual(opened, popup, outlook_source):
    advanced = popup.advanced
    settle(opened)
    assert not advanced.usual_button.isVisible()
    type_into(advanced.fields["segment_frames"], "49")
    advanced.fields["solver"].activated.emit(1)
    settle(opened)
    assert asked(outlook_source).segment_frames == 49
    assert asked(outlook_source).solver is Solver.UNIPC
    (settings,) = opened.desk.choice.settings_of_takes()
    assert (settings.diffusion.segment_frames, settings.diffusion.solver) == (49, Solver.UNIPC)
    assert popup.advanced_button.text().endswith("2 set")
    QTest.mouseClick(advanced.usual_button, Qt.MouseButton.LeftButton)
    settle(opened)
    assert opened.desk.choice.advanced == DiffusionChoice()
    assert asked(outlook_source).segment_frames == 81
    assert advanced.fields["segment_frames"].text() == ""
    assert not advanced.usual_button.isVisible()
    assert popup.advanced_button.text() == "▾ Advanced"


def test_what_is_refused_is_said_in_words_and_stays_as_it_was_typed(opened, popup):
    settle(opened)
    field = popup.advanced.fields["segment_frames"]
    type_into(field, "80")
    assert opened.desk.choice.advanced == DiffusionChoice()
    QTest.keyClick(field, Qt.Key.Key_Tab)
    settle(opened)
    assert popup.outlook.verdict.text() == "Not planned"
    assert opened.window.bar.plan_button.text() == "Not planned"
    assert popup.outlook.facts.text().startswith("A segment cannot be 80 frames long. Choose 5, 9, 13")
    assert field.text() == "80"
    type_into(field, "7")
    popup.hide()
    assert opened.desk.choice.advanced.segment_frames == 7
    QTest.mouseClick(opened.window.bar.render_button, Qt.MouseButton.LeftButton)
    assert "7 frames" in opened.window.message.text
    assert opened.desk.session.takes == ()


def test_settings_that_do_not_go_together_are_refused_and_the_usual_ones_follow_the_others(opened, popup):
    fields = popup.advanced.fields
    assert fields["adapter_guidance"].placeholderText() == "5 (usual)"
    opened.desk.characters.remove(opened.desk.session.scene.characters[1].id)
    assert fields["adapter_guidance"].placeholderText() == "4 (usual)"
    fields["long_shot"].activated.emit(1)
    assert fields["overlap_frames"].placeholderText() == "16 (usual)"
    type_into(fields["overlap_frames"], "13")
    QTest.keyClick(fields["overlap_frames"], Qt.Key.Key_Return)
    settle(opened)
    assert "cannot overlap by 13" in popup.outlook.facts.text()
    fields["long_shot"].activated.emit(0)
    settle(opened)
    assert popup.outlook.verdict.text().startswith("Fits")
    QTest.mouseClick(popup.quality.button("draft"), Qt.MouseButton.LeftButton)
    assert not popup.advanced.isVisible()
    assert not popup.advanced_button.isVisible()
    (settings,) = opened.desk.choice.settings_of_takes()
    assert settings.diffusion == DiffusionChoice()


def test_a_precision_or_a_size_that_fits_is_one_click_and_is_taken_back_by_choosing(
    opened, popup, outlook_source
):
    words = "Choose the precision bfloat16."
    outlook_source.outcome = lambda question: (
        RESIDENT
        if question.request.diffusion.precision is Precision.BFLOAT16 or question.request.width <= 320
        else replace(
            REFUSAL,
            changes=(words, *REFUSAL.changes),
            settable=(*REFUSAL.settable, PlanChange(sentence=words, precision=Precision.BFLOAT16)),
        )
    )
    opened.desk.choice.set_steps(7)
    settle(opened)
    block = popup.outlook
    assert words not in block.facts.text()
    assert block.precision_button.text() == "Compute in bfloat16, which fits"
    assert not block.smaller_button.isVisible()
    edits = opened.desk.history.stack.count()
    QTest.mouseClick(block.precision_button, Qt.MouseButton.LeftButton)
    settle(opened)
    assert block.verdict.text().startswith("Fits")
    assert not block.precision_button.isVisible()
    assert popup.advanced.fields["precision"].currentText() == "bfloat16"
    outlook_source.fitting_size = (320, 180)
    popup.advanced.fields["precision"].activated.emit(0)
    settle(opened)
    assert block.precision_button.isVisible()
    QTest.mouseClick(block.smaller_button, Qt.MouseButton.LeftButton)
    settle(opened)
    assert popup.size_choice.currentText() == "320 × 180"
    assert block.verdict.text().startswith("Fits")
    assert opened.desk.history.stack.count() == edits


def test_a_new_window_begins_with_what_was_chosen_and_other_plates_get_the_same_long_side(opened):
    desk = opened.desk
    choice = desk.choice
    choice.set_renderer(RendererName.DIFFUSION)
    choice.set_bundle("whole")
    choice.set_steps(9)
    choice.set_seed(None)
    choice.set_take_count(3)
    choice.set_size((640, 360))
    choice.set_advanced(DiffusionChoice(precision=Precision.FLOAT16, bundle="other", steps=3))
    desk.preferences.close()
    file = engine_directories()[0] / PREFERENCES_NAME
    other = RenderChoice(desk.session, desk.shelf, Preferences(file))
    assert (other.renderer, other.steps, other.seed, other.take_count) == (RendererName.DIFFUSION, 9, None, 3)
    assert other.size == (640, 360)
    assert other.advanced == DiffusionChoice(precision=Precision.FLOAT16)
    (settings, *_) = other.settings_of_takes()
    assert (settings.diffusion.bundle, settings.diffusion.steps) == ("whole", 9)
    assert plate_shaped(640, 300, 600) == (320, 640)
