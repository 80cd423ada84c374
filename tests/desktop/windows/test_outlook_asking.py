"""The memory plan in the window: when the machine is looked at, what is planned anew and what is dropped."""

import threading
from dataclasses import replace

import pytest
from PySide6.QtTest import QTest

from desktop.authoring.running_render import A_RENDER_RUNS
from desktop.engine_link.engine_link import LinkState
from desktop.state.memory_outlook import SETTLE_MS, ThisMachine
from engine.protocol.jobs import JobState
from engine.protocol.messages import JobChanged
from tests.child_processes import child_processes
from tests.desktop.hands import wait_until
from tests.desktop.plan_samples import CARD, MACHINE, REFUSAL, RESIDENT
from tests.desktop.windows.plan_hands import (
    choose_quality,
    open_plan_again,
    plan_diffusion,
    settle,
    type_number,
)
from tests.job_views import job
from tests.patience import PATIENCE_S


def let_render(opened, *, running):
    """Let the engine tell that it is at a render of another scene, or at its end."""
    state = JobState.RUNNING if running else JobState.DONE
    opened.desk.link.state_changed.emit(LinkState.READY)
    opened.desk.link.event_arrived.emit(JobChanged(job=job(1, state=state)))


def test_a_draft_asks_nothing_of_the_machine(opened, popup, outlook_source):
    QTest.qWait(400)
    assert outlook_source.asked_machine == 0
    assert not popup.outlook.isVisible()
    assert not opened.window.bar.plan_dot.isVisible()


def test_an_answer_that_came_too_late_is_dropped_and_the_machine_is_asked_once(opened, popup, outlook_source):
    late = threading.Event()

    def outcome(question):
        if question.request.diffusion.steps == 30:
            late.wait(PATIENCE_S)
            return REFUSAL
        return RESIDENT

    outlook_source.outcome = outcome
    choose_quality(opened, "diffusion")
    wait_until(lambda: outlook_source.asked)
    type_number(popup.steps, 4)
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
    choose_quality(opened, "diffusion")
    for steps in range(4, 20):
        type_number(popup.steps, steps)
    settle(opened)
    assert [question.request.diffusion.steps for question in outlook_source.asked] == [19]


def test_what_does_not_change_the_request_is_not_planned_again(opened, popup, outlook_source):
    plan_diffusion(opened)
    type_number(popup.seed, 11)
    type_number(popup.takes, 2)
    settle(opened)
    assert len(outlook_source.asked) == 1


def test_opening_the_plan_looks_at_the_free_memory_again(opened, popup, outlook_source):
    full = replace(MACHINE, now=replace(MACHINE.now, device_free_bytes=0))
    outlook_source.machines = [full, MACHINE]
    plan_diffusion(opened)
    assert opened.desk.outlook.planned.machine == full
    open_plan_again(opened)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"
    settle(opened)
    assert opened.desk.outlook.planned.machine == MACHINE
    assert outlook_source.asked_machine == 2


def test_while_the_machine_is_asked_again_a_choice_is_planned_with_what_was_known(
    opened, popup, outlook_source
):
    plan_diffusion(opened)
    outlook_source.machine_gate.clear()
    open_plan_again(opened)
    type_number(popup.steps, 9)
    wait_until(lambda: opened.desk.outlook.planned.request.diffusion.steps == 9)
    assert opened.desk.outlook.is_asking
    outlook_source.machine_gate.set()
    settle(opened)
    assert len(outlook_source.asked) == 3


def test_the_answer_for_another_scene_is_not_shown(opened, popup, outlook_source, samples):
    desk = opened.desk
    plan_diffusion(opened)
    outlook_source.gate.clear()
    type_number(popup.steps, 9)
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


def test_while_a_render_runs_its_memory_is_said_to_be_free_again_and_nothing_is_warned_of(
    opened, popup, outlook_source
):
    outlook_source.render_runs = True
    outlook_source.outcome = lambda question: REFUSAL
    let_render(opened, running=True)
    plan_diffusion(opened)
    assert popup.outlook.facts.text().splitlines()[-1] == A_RENDER_RUNS
    scene = opened.desk.session.scene
    opened.desk.renders.render_queued.emit(job(2, scene_id=scene.id, scene_name=scene.name))
    assert opened.desk.notices.notice is None
    outlook_source.outcome = lambda question: RESIDENT
    type_number(popup.steps, 9)
    settle(opened)
    assert popup.outlook.verdict.text() == f"Fits {CARD}"
    assert popup.outlook.facts.text().splitlines()[-1] == A_RENDER_RUNS


def test_the_machine_is_asked_again_when_the_render_that_ran_is_done(opened, popup, outlook_source):
    outlook_source.render_runs = True
    let_render(opened, running=True)
    plan_diffusion(opened)
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
    plan_diffusion(opened)
    choose_quality(opened, "draft")
    outlook_source.render_runs = False
    let_render(opened, running=False)
    QTest.qWait(2 * SETTLE_MS)
    assert outlook_source.asked_machine == 1
    plan_diffusion(opened)
    assert outlook_source.asked_machine == 2
    assert not opened.desk.outlook.planned.render_runs


def test_a_look_that_is_wanted_while_one_is_taken_follows_it(opened, popup, outlook_source):
    outlook_source.machine_gate.clear()
    choose_quality(opened, "diffusion")
    wait_until(lambda: opened.desk.outlook._machine_task is not None)
    open_plan_again(opened)
    QTest.qWait(50)
    outlook_source.machine_gate.set()
    wait_until(lambda: outlook_source.asked_machine == 2)
    settle(opened)


def test_going_back_to_a_draft_drops_the_outlook(opened, popup):
    plan_diffusion(opened)
    choose_quality(opened, "draft")
    assert opened.desk.outlook.planned is None
    assert not popup.outlook.isVisible()
    assert opened.window.bar.plan_button.text().startswith("Plan: about")


def test_closing_the_project_drops_the_outlook_while_it_is_asked(opened, popup, outlook_source):
    outlook_source.gate.clear()
    choose_quality(opened, "diffusion")
    QTest.qWait(350)
    popup.hide()
    opened.desk.session.close()
    assert opened.desk.outlook.planned is None
    outlook_source.gate.set()
    settle(opened)
    assert opened.desk.outlook.planned is None
    assert opened.desk.outlook.trouble == ""


class TestTheRealMachine:
    @pytest.fixture
    def outlook_source(self):
        return ThisMachine()

    def test_the_window_closes_at_once_while_the_machine_is_being_looked_at(self, opened, popup):
        before = child_processes()
        choose_quality(opened, "diffusion")
        wait_until(lambda: child_processes() - before)
        popup.hide()
        [child] = child_processes() - before
        opened._outlook_source.close()
        wait_until(lambda: not child.is_running())
        settle(opened)
