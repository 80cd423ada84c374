"""The memory plan in the window: asked in the background, shown before queueing, and what to do about it."""

import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.authoring.running_render import A_RENDER_RUNS
from desktop.engine_link.engine_link import LinkState
from desktop.state.memory_outlook import SETTLE_MS, ThisMachine
from desktop.state.notices import Tone
from desktop.theme.theme import ThemeChoice
from engine.bundles.installed_bundle import Capability, InstalledBundle
from engine.bundles.registry import register
from engine.client import engine_directories
from engine.protocol.errors import UserError
from engine.protocol.jobs import JobState
from engine.protocol.memory_plan import Concession, WeightStorage
from engine.protocol.messages import JobChanged
from engine.protocol.render_request import RendererName
from tests.desktop.hands import wait_until
from tests.desktop.plan_samples import CARD, MACHINE, REFUSAL, RESIDENT, STREAMED
from tests.desktop.state.test_render_queue import job

WHOLE = InstalledBundle(
    name="whole",
    folder=Path("b"),
    parts={},
    capabilities=frozenset({Capability.CLIP_DRIVEN, Capability.VOICE_DRIVEN}),
)


@pytest.fixture
def popup(opened):
    """The plan, open on the draft, with a bundle installed."""
    register(engine_directories()[0], WHOLE)
    QTest.mouseClick(opened.window.bar.plan_button, Qt.MouseButton.LeftButton)
    wait_until(lambda: opened.desk.shelf.bundles == (WHOLE,))
    yield opened.window.plan
    opened.window.plan.hide()


def choose_diffusion(popup):
    QTest.mouseClick(popup.quality.button("diffusion"), Qt.MouseButton.LeftButton)


def settle(opened):
    wait_until(lambda: not opened.desk.outlook.is_asking)


def test_a_draft_asks_nothing_of_the_machine(opened, popup, outlook_source):
    QTest.qWait(400)
    assert outlook_source.asked_machine == 0
    assert not popup.outlook.isVisible()
    assert not opened.window.bar.plan_dot.isVisible()


def test_the_verdict_memory_and_time_are_shown_and_nothing_is_done_on_the_guis_thread(
    opened, popup, outlook_source
):
    outlook_source.outcome = lambda question: STREAMED
    choose_diffusion(popup)
    settle(opened)
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
    choose_diffusion(popup)
    popup.takes.setValue(3)
    settle(opened)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"
    assert popup.outlook.facts.text().startswith("About 11 min a take, 32 min for 3 takes.")
    assert opened.window.bar.plan_button.text() == "Fits · 3 takes · about 32 min"


def test_while_the_machine_is_asked_the_popup_says_so_and_keeps_its_place(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: STREAMED
    outlook_source.gate.clear()
    choose_diffusion(popup)
    assert popup.outlook.verdict.text() == "Looking at this machine…"
    QTest.qWait(350)
    before = popup.geometry()
    outlook_source.gate.set()
    settle(opened)
    assert popup.outlook.verdict.text() == "Fits with streaming"
    assert popup.geometry() == before


def test_an_answer_that_came_too_late_is_dropped_and_the_machine_is_asked_once(opened, popup, outlook_source):
    late = threading.Event()

    def outcome(question):
        if question.request.diffusion.steps == 30:
            late.wait(20)
            return REFUSAL
        return RESIDENT

    outlook_source.outcome = outcome
    choose_diffusion(popup)
    wait_until(lambda: outlook_source.asked)
    popup.steps.setValue(4)
    settle(opened)
    seen = []
    opened.desk.outlook.outlook_changed.connect(lambda: seen.append(opened.desk.outlook.planned))
    late.set()
    QTest.qWait(100)
    assert seen == []
    assert opened.desk.outlook.planned.plan == RESIDENT
    assert [question.request.diffusion.steps for question in outlook_source.asked] == [30, 4]
    assert outlook_source.asked_machine == 1


def test_a_burst_of_changes_is_asked_once(opened, popup, outlook_source):
    choose_diffusion(popup)
    for steps in range(4, 20):
        popup.steps.setValue(steps)
    settle(opened)
    assert [question.request.diffusion.steps for question in outlook_source.asked] == [19]


def test_what_does_not_change_the_request_is_not_planned_again(opened, popup, outlook_source):
    choose_diffusion(popup)
    settle(opened)
    popup.seed.setValue(11)
    popup.takes.setValue(2)
    settle(opened)
    assert len(outlook_source.asked) == 1


def test_opening_the_plan_looks_at_the_free_memory_again(opened, popup, outlook_source):
    full = replace(MACHINE, now=replace(MACHINE.now, device_free_bytes=0))
    outlook_source.machines = [full, MACHINE]
    choose_diffusion(popup)
    settle(opened)
    assert opened.desk.outlook.planned.machine == full
    popup.hide()
    QTest.mouseClick(opened.window.bar.plan_button, Qt.MouseButton.LeftButton)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"
    settle(opened)
    assert opened.desk.outlook.planned.machine == MACHINE
    assert outlook_source.asked_machine == 2


def test_while_the_machine_is_asked_again_a_choice_is_planned_with_what_was_known(
    opened, popup, outlook_source
):
    choose_diffusion(popup)
    settle(opened)
    popup.hide()
    outlook_source.machine_gate.clear()
    QTest.mouseClick(opened.window.bar.plan_button, Qt.MouseButton.LeftButton)
    popup.steps.setValue(9)
    wait_until(lambda: opened.desk.outlook.planned.request.diffusion.steps == 9)
    assert opened.desk.outlook.is_asking
    outlook_source.machine_gate.set()
    settle(opened)
    assert len(outlook_source.asked) == 3


def test_the_answer_for_another_scene_is_not_shown(opened, popup, outlook_source, samples):
    desk = opened.desk
    choose_diffusion(popup)
    settle(opened)
    outlook_source.gate.clear()
    popup.steps.setValue(9)
    wait_until(lambda: desk.outlook._plan_task is not None)
    popup.hide()
    desk.imports.add_scenes([samples / "duet.png"])
    wait_until(lambda: len(desk.session.scenes) == 2)
    desk.session.choose_scene(desk.session.scenes[1].id)
    assert desk.outlook.planned is None
    outlook_source.gate.set()
    settle(opened)
    assert desk.outlook.planned.request.scene_id == desk.session.scene.id
    assert [question.request.scene_name for question in outlook_source.asked][:2] == ["Duet", "Duet"]


def test_what_does_not_fit_says_why_and_a_click_takes_a_size_that_does(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: REFUSAL if question.request.width > 640 else STREAMED
    width, height = outlook_source.fitting_size = next(
        size for size in opened.desk.choice.offered_sizes() if size[0] == 640
    )
    choose_diffusion(popup)
    settle(opened)
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
    choose_diffusion(popup)
    settle(opened)
    assert popup.outlook.facts.text().splitlines()[1:] == list(REFUSAL.changes[:2])
    assert not popup.outlook.smaller_button.isVisible()


def test_a_render_that_will_not_fit_is_queued_and_warned_of(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: REFUSAL
    choose_diffusion(popup)
    settle(opened)
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
    choose_diffusion(popup)
    settle(opened)
    opened.desk.renders.render_queued.emit(job(1, scene_id=opened.desk.session.scene.id))
    outlook_source.outcome = lambda question: REFUSAL
    popup.steps.setValue(9)
    settle(opened)
    assert opened.desk.outlook.planned.refusal is not None
    opened.desk.renders.render_queued.emit(job(1, scene_id="another"))
    assert opened.desk.notices.notice is None


def let_render(opened, *, running):
    """Let the engine tell that it is at a render of another scene, or at its end."""
    state = JobState.RUNNING if running else JobState.DONE
    opened.desk.link.state_changed.emit(LinkState.READY)
    opened.desk.link.event_arrived.emit(JobChanged(job=job(1, state=state)))


def test_while_a_render_runs_its_memory_is_said_to_be_free_again_and_nothing_is_warned_of(
    opened, popup, outlook_source
):
    outlook_source.render_runs = True
    outlook_source.outcome = lambda question: REFUSAL
    let_render(opened, running=True)
    choose_diffusion(popup)
    settle(opened)
    assert popup.outlook.facts.text().splitlines()[-1] == A_RENDER_RUNS
    scene = opened.desk.session.scene
    opened.desk.renders.render_queued.emit(job(2, scene_id=scene.id, scene_name=scene.name))
    assert opened.desk.notices.notice is None
    outlook_source.outcome = lambda question: RESIDENT
    popup.steps.setValue(9)
    settle(opened)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"
    assert popup.outlook.facts.text().splitlines()[-1] == A_RENDER_RUNS


def test_the_machine_is_asked_again_when_the_render_that_ran_is_done(opened, popup, outlook_source):
    outlook_source.render_runs = True
    let_render(opened, running=True)
    choose_diffusion(popup)
    settle(opened)
    QTest.qWait(2 * SETTLE_MS)
    assert outlook_source.asked_machine == 1
    outlook_source.render_runs = False
    let_render(opened, running=False)
    wait_until(lambda: outlook_source.asked_machine == 2)
    settle(opened)
    assert not opened.desk.outlook.planned.render_runs
    assert A_RENDER_RUNS not in popup.outlook.facts.text()
    let_render(opened, running=True)
    QTest.qWait(2 * SETTLE_MS)
    assert outlook_source.asked_machine == 2


def test_a_render_that_ended_while_drafts_were_chosen_is_not_counted_on(opened, popup, outlook_source):
    outlook_source.render_runs = True
    let_render(opened, running=True)
    choose_diffusion(popup)
    settle(opened)
    QTest.mouseClick(popup.quality.button("draft"), Qt.MouseButton.LeftButton)
    outlook_source.render_runs = False
    let_render(opened, running=False)
    QTest.qWait(2 * SETTLE_MS)
    assert outlook_source.asked_machine == 1
    choose_diffusion(popup)
    settle(opened)
    assert outlook_source.asked_machine == 2
    assert not opened.desk.outlook.planned.render_runs


def test_a_look_that_is_wanted_while_one_is_taken_follows_it(opened, popup, outlook_source):
    outlook_source.machine_gate.clear()
    choose_diffusion(popup)
    wait_until(lambda: opened.desk.outlook._machine_task is not None)
    popup.hide()
    QTest.mouseClick(opened.window.bar.plan_button, Qt.MouseButton.LeftButton)
    QTest.qWait(50)
    outlook_source.machine_gate.set()
    wait_until(lambda: outlook_source.asked_machine == 2)
    settle(opened)


def test_a_machine_that_cannot_be_looked_at_is_told_in_a_sentence_and_asked_again(
    opened, popup, outlook_source
):
    outlook_source.machines = [UserError("The card does not answer.", next_step="Restart it."), MACHINE]
    choose_diffusion(popup)
    settle(opened)
    assert popup.outlook.verdict.text() == "Not planned"
    assert popup.outlook.facts.text() == "The card does not answer. Restart it."
    assert opened.window.bar.render_button.isEnabled()
    popup.hide()
    QTest.mouseClick(opened.window.bar.plan_button, Qt.MouseButton.LeftButton)
    settle(opened)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"


def test_a_scene_that_cannot_be_rendered_says_why_in_place_of_a_plan(opened, popup):
    opened.desk.session.store.asset_path(opened.desk.session.scene.plate).unlink()
    choose_diffusion(popup)
    settle(opened)
    assert popup.outlook.verdict.text() == "Not planned"
    assert "duet.png" in popup.outlook.facts.text()


def test_going_back_to_a_draft_drops_the_outlook(opened, popup):
    choose_diffusion(popup)
    settle(opened)
    QTest.mouseClick(popup.quality.button("draft"), Qt.MouseButton.LeftButton)
    assert opened.desk.outlook.planned is None
    assert not popup.outlook.isVisible()
    assert opened.window.bar.plan_button.text().startswith("Plan: about")


def test_closing_the_project_drops_the_outlook_while_it_is_asked(opened, popup, outlook_source):
    outlook_source.gate.clear()
    choose_diffusion(popup)
    QTest.qWait(350)
    popup.hide()
    opened.desk.session.close()
    assert opened.desk.outlook.planned is None
    outlook_source.gate.set()
    settle(opened)
    assert opened.desk.outlook.planned is None
    assert opened.desk.outlook.trouble == ""


def test_what_is_given_up_of_the_picture_is_said_and_read_from_the_plan(opened, popup, outlook_source):
    outlook_source.outcome = lambda question: replace(
        RESIDENT,
        concession=Concession.SHORTEST_SEGMENTS,
        **({"storage": WeightStorage.EIGHT_BIT, "segment_frames": 17} if popup.steps.value() == 9 else {}),
    )
    choose_diffusion(popup)
    settle(opened)
    assert popup.outlook.facts.text().splitlines() == ["About 11 min a take.", "Arithmetic sets the pace."]
    popup.steps.setValue(9)
    settle(opened)
    assert popup.outlook.facts.text().splitlines()[2] == (
        "To save memory, weights are kept in 8 bits and segments are 17 frames long instead of 81."
    )


def test_a_long_reason_is_shown_whole_in_both_themes(opened, popup, outlook_source):
    reason = "Denoising needs more than there is, " * 6 + "and that is all."
    outlook_source.outcome = lambda question: replace(REFUSAL, reason=reason)
    choose_diffusion(popup)
    settle(opened)
    facts = popup.outlook.facts
    for theme in (ThemeChoice.DARK, ThemeChoice.LIGHT):
        opened.desk.theme.choose(theme)
        wait_until(lambda: facts.height() >= facts.heightForWidth(facts.width()))
        assert popup.rect().contains(popup.words.geometry())
    opened.desk.theme.choose(ThemeChoice.SYSTEM)


class TestTheRealMachine:
    @pytest.fixture
    def outlook_source(self):
        return ThisMachine()

    def test_the_window_closes_at_once_while_the_machine_is_being_looked_at(self, opened, popup):
        choose_diffusion(popup)
        wait_until(lambda: psutil.Process().children())
        popup.hide()
        (child,) = psutil.Process().children()
        opened._outlook_source.close()
        wait_until(lambda: not child.is_running())
        settle(opened)
