"""The memory plan in the window: what is shown of it before a render is queued, and what to do about it."""

import threading
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.authoring.takes import plan_take, reconcile_takes
from desktop.state.notices import Tone
from desktop.theme.theme import ThemeChoice
from engine.protocol.codec import encode_result
from engine.protocol.errors import UserError
from engine.protocol.memory_plan import Concession, WeightStorage
from engine.protocol.render_request import RendererName
from tests.desktop.hands import wait_until
from tests.desktop.plan_samples import CARD, MACHINE, REFUSAL, RESIDENT, STREAMED
from tests.desktop.take_samples import diffusion_result
from tests.desktop.windows.plan_hands import (
    choose_quality,
    open_plan_again,
    plan_diffusion,
    settle,
    type_number,
)
from tests.job_views import job


def test_the_verdict_memory_and_time_are_shown_and_nothing_is_done_on_the_guis_thread(
    opened, popup, outlook_source
):
    outlook_source.outcome = lambda question: STREAMED
    plan_diffusion(opened)
    block = popup.outlook
    assert block.verdict.text() == "Fits with streaming"
    assert block.memory.text() == "At most 9.2 GB of the 10.0 GB that can be used"
    assert block.facts.text().splitlines() == ["About 11 min a take.", "Arithmetic sets the pace."]
    assert (block.bar.used_share, block.bar.limit_share) == pytest.approx((9.2 / 12, 10 / 12))
    assert "Fits with streaming" in block.accessibleName()
    assert "9.2 GB of the 10.0 GB" in block.accessibleName()
    assert opened.window.bar.plan_button.text() == "Fits with streaming · about 11 min"
    assert opened.window.bar.plan_dot.isVisible()
    assert threading.main_thread().name not in outlook_source.threads


def test_several_takes_are_told_together(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: RESIDENT
    choose_quality(opened, "diffusion")
    type_number(popup.takes, 3)
    settle(opened)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"
    assert popup.outlook.facts.text().startswith("About 11 min a take, 32 min for 3 takes.")
    assert opened.window.bar.plan_button.text() == "Fits · 3 takes · about 32 min"


def test_while_the_machine_is_asked_the_popup_says_so_and_keeps_its_place(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: STREAMED
    outlook_source.gate.clear()
    choose_quality(opened, "diffusion")
    assert popup.outlook.verdict.text() == "Looking at this machine…"
    QTest.qWait(350)
    before = popup.geometry()
    outlook_source.gate.set()
    settle(opened)
    assert popup.outlook.verdict.text() == "Fits with streaming"
    assert popup.geometry() == before


def test_what_does_not_fit_says_why_and_a_click_takes_a_size_that_does(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: REFUSAL if question.request.width > 640 else STREAMED
    width, height = outlook_source.fitting_size = next(
        size for size in opened.desk.choice.offered_sizes() if size[0] == 640
    )
    plan_diffusion(opened)
    block = popup.outlook
    assert block.verdict.text() == f"Will not fit {CARD}"
    assert not block.memory.isVisible()
    assert block.facts.text().splitlines() == [REFUSAL.reason, REFUSAL.changes[0]]
    assert block.bar.used_share > block.bar.limit_share
    assert opened.window.bar.plan_button.text() == "Will not fit"
    assert opened.window.bar.render_button.isEnabled()
    assert REFUSAL.reason in opened.window.bar.render_button.toolTip()
    assert block.smaller_button.text() == f"Render at {width} × {height}, which fits"
    QTest.mouseClick(block.smaller_button, Qt.MouseButton.LeftButton)
    settle(opened)
    assert opened.desk.choice.size == (width, height)
    assert popup.size_choice.currentText() == f"{width} × {height}"
    assert block.verdict.text() == "Fits with streaming"
    assert not block.smaller_button.isVisible()


def test_the_smaller_size_can_be_taken_with_keys_alone(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: REFUSAL if question.request.width > 512 else RESIDENT
    opened.desk.choice.set_renderer(RendererName.DIFFUSION)
    outlook_source.fitting_size = opened.desk.choice.usual_size()
    opened.desk.choice.set_size(opened.desk.choice.offered_sizes()[0])
    settle(opened)
    smaller = popup.outlook.smaller_button
    for _ in range(30):
        if smaller.hasFocus():
            break
        QTest.keyClick(popup.focusWidget() or popup, Qt.Key.Key_Tab)
    assert smaller.hasFocus()
    QTest.keyClick(smaller, Qt.Key.Key_Space)
    assert opened.desk.choice.size is None
    assert popup.size_choice.currentIndex() == 0


def test_without_a_size_that_fits_both_changes_are_told_in_words(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: REFUSAL
    plan_diffusion(opened)
    assert popup.outlook.facts.text().splitlines()[1:] == list(REFUSAL.changes[:2])
    assert not popup.outlook.smaller_button.isVisible()


def test_a_render_that_will_not_fit_is_queued_and_warned_of(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: REFUSAL
    plan_diffusion(opened)
    popup.hide()
    scene = opened.desk.session.scene
    opened.desk.renders.render_queued.emit(job(1, scene_id=scene.id, scene_name=scene.name))
    notice = opened.desk.notices.notice
    assert notice.tone is Tone.TROUBLE
    assert "will not fit" in opened.window.message.text
    assert REFUSAL.changes[0] in opened.window.message.text
    lines = len(opened.desk.notices.lines)
    opened.desk.renders.render_queued.emit(job(2, scene_id=scene.id, scene_name=scene.name))
    assert len(opened.desk.notices.lines) == lines


def test_nothing_is_warned_of_where_it_fits_or_another_scene_was_queued(opened, popup, outlook_source):
    plan_diffusion(opened)
    opened.desk.renders.render_queued.emit(job(1, scene_id=opened.desk.session.scene.id))
    outlook_source.outcome = lambda question: REFUSAL
    type_number(popup.steps, 9)
    settle(opened)
    assert opened.desk.outlook.planned.refusal is not None
    opened.desk.renders.render_queued.emit(job(1, scene_id="another"))
    assert opened.desk.notices.notice is None


def test_a_machine_that_cannot_be_looked_at_is_told_in_a_sentence_and_asked_again(
    opened, popup, outlook_source
):
    outlook_source.machines = [UserError("The card does not answer.", next_step="Restart it."), MACHINE]
    plan_diffusion(opened)
    assert popup.outlook.verdict.text() == "Not planned"
    assert popup.outlook.facts.text() == "The card does not answer. Restart it."
    assert opened.window.bar.render_button.isEnabled()
    open_plan_again(opened)
    settle(opened)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"


def finish_a_take(desk, seconds):
    """Leave a take of the present choice where the engine would, and take it in."""
    store = desk.session.store
    request = plan_take(store, desk.session.scene.id, desk.choice.settings_of_takes()[0]).request
    result = diffusion_result(
        request.diffusion,
        STREAMED,
        seconds,
        size=(request.width, request.height),
        frames=request.frame_count,
        request_id=request.request_id,
        take_id=request.take_id,
    )
    request.output_directory.mkdir(parents=True)
    (request.output_directory / "take.json").write_text(encode_result(result))
    reconcile_takes(store)
    desk.session.refresh()


def test_what_a_take_lasted_is_told_and_estimated_from_when_the_steps_are_others(
    opened, popup, outlook_source
):
    outlook_source.outcome = lambda question: replace(
        STREAMED, seconds=32.0 + 20.0 * question.request.diffusion.steps
    )
    plan_diffusion(opened)
    finish_a_take(opened.desk, 692.0)
    settle(opened)
    assert popup.outlook.facts.text().startswith("Measured before: 12 min a take.")
    opened.desk.choice.set_steps(99)
    settle(opened)
    assert popup.outlook.facts.text().startswith("About 35 min a take, estimated from 1 take.")


def test_what_cannot_be_planned_is_not_planned_in_the_bar_either(opened, popup):
    plan_diffusion(opened)
    finish_a_take(opened.desk, 692.0)
    opened.desk.session.store.asset_path(opened.desk.session.scene.plate).unlink()
    open_plan_again(opened)
    settle(opened)
    assert popup.outlook.verdict.text() == "Not planned"
    assert opened.window.bar.plan_button.text() == "Not planned"


def test_a_scene_that_cannot_be_rendered_says_why_in_place_of_a_plan(opened, popup):
    opened.desk.session.store.asset_path(opened.desk.session.scene.plate).unlink()
    plan_diffusion(opened)
    assert popup.outlook.verdict.text() == "Not planned"
    assert "duet.png" in popup.outlook.facts.text()


def test_what_is_given_up_of_the_picture_is_said_and_read_from_the_plan(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: replace(
        RESIDENT,
        concession=Concession.SHORTEST_SEGMENTS,
        **({"storage": WeightStorage.EIGHT_BIT, "segment_frames": 17} if popup.steps.text() == "9" else {}),
    )
    plan_diffusion(opened)
    assert popup.outlook.facts.text().splitlines() == ["About 11 min a take.", "Arithmetic sets the pace."]
    type_number(popup.steps, 9)
    settle(opened)
    assert popup.outlook.facts.text().splitlines()[2] == (
        "To save memory, weights are kept in 8 bits and segments are 17 frames long instead of 81."
    )


def test_a_long_reason_is_shown_whole_in_both_themes(opened, popup, outlook_source):
    reason = "Denoising needs more than there is, " * 6 + "and that is all."
    outlook_source.outcome = lambda question: replace(REFUSAL, reason=reason)
    plan_diffusion(opened)
    facts = popup.outlook.facts
    for theme in (ThemeChoice.DARK, ThemeChoice.LIGHT):
        opened.desk.theme.choose(theme)
        wait_until(lambda: facts.height() >= facts.heightForWidth(facts.width()))
        assert popup.rect().contains(popup.words.geometry())
    opened.desk.theme.choose(ThemeChoice.SYSTEM)
