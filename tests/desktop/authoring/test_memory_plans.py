"""A scene and its settings become a plan, or a refusal with a size that fits; made with the real planner."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from desktop.authoring.diffusion_settings import DiffusionChoice
from desktop.authoring.memory_plans import (
    Verdict,
    answer,
    answer_with_size,
    plan_question,
    with_memory,
)
from desktop.authoring.project_files import open_project
from desktop.authoring.render_requests import RenderSettings
from engine.bundles.registry import register
from engine.client import engine_directories
from engine.planning.lesson import HostLesson, Lesson
from engine.planning.lessons import learn
from engine.planning.plan_limits import device_budget
from engine.planning.step_down import NextStep
from engine.planning.workload import demand_of, workload_of
from engine.protocol.errors import BugError, ErrorCode, UserError
from engine.protocol.memory_plan import Concession
from tests.desktop.plan_samples import CARD, GB, MACHINE

MEMORIES = (64 * GB, 16 * GB, 8 * GB, 2 * GB, 18 * GB // 10, GB // 2)
SETTINGS = RenderSettings(quality="diffusion", diffusion=DiffusionChoice(steps=4))


@pytest.fixture
def ask(project, verified_bundle):
    """Return the question of the project's scene; the project is closed before it is answered."""
    register(engine_directories()[0], verified_bundle)

    def question(settings=SETTINGS):
        with open_project(project) as store:
            return plan_question(store, store.scene(store.scenes()[0].id), settings)

    return question


def test_a_render_that_fits_is_planned_within_the_budget(ask):
    planned = answer(ask(), MACHINE)
    assert planned.verdict is Verdict.FITS
    assert planned.refusal is None
    assert planned.plan.peak_bytes <= planned.plan.device_budget_bytes < MACHINE.now.device_total_bytes
    assert any("noise" in note for note in planned.notes)


def test_equal_questions_are_equal_and_settings_make_others(ask):
    assert ask() == ask()
    assert ask() != ask(replace(SETTINGS, size=(640, 360)))


def test_a_large_bundle_streams_on_a_small_card_and_on_a_tiny_one_a_smaller_size_is_offered(
    ask, verified_bundle
):
    published = replace(verified_bundle, random_weights=False, sizes={})
    register(engine_directories()[0], published)
    question = ask()
    planned = {memory: answer_with_size(question, with_memory(MACHINE, memory)) for memory in MEMORIES}
    verdicts = [planned[memory].verdict for memory in MEMORIES]
    assert verdicts == [Verdict.FITS, Verdict.STREAMS, Verdict.STREAMS, *[Verdict.DOES_NOT_FIT] * 3]
    offered = [planned[memory].fitting_size for memory in MEMORIES]
    assert offered[:3] == [None, None, None]
    assert offered[-1] is None
    assert any(offered)
    for memory, size in zip(MEMORIES, offered, strict=True):
        if size is not None:
            smaller = answer(ask(replace(SETTINGS, size=size)), with_memory(MACHINE, memory))
            assert smaller.plan is not None
            assert size[0] * size[1] < question.request.width * question.request.height


def test_what_was_learnt_on_this_card_is_given_up_from_the_start(ask):
    question = ask()
    lesson = Lesson(
        device=CARD,
        demand=demand_of(workload_of(question.request, question.bundle)),
        budget_bytes=device_budget(MACHINE),
        step=NextStep(concession=Concession.NO_RESIDENT_BLOCKS),
        learnt_at=datetime.now(UTC),
    )
    learn(engine_directories()[0], lesson)
    planned = answer(question, MACHINE)
    assert planned.plan.concession is Concession.NO_RESIDENT_BLOCKS
    assert planned.verdict is Verdict.STREAMS
    assert planned.notes[-1].startswith("A render like this ran out of memory here before: ")
    assert "fewer blocks stay on the device" in planned.notes[-1]
    assert "every block" not in planned.notes[-1]


def test_a_bundle_that_was_added_before_sizes_were_kept_is_told(ask, verified_bundle):
    register(engine_directories()[0], replace(verified_bundle, sizes={}))
    with pytest.raises(UserError) as told:
        answer(ask(), MACHINE)
    assert told.value.report.code is ErrorCode.RENDERER_UNAVAILABLE


def test_only_diffusion_is_planned(ask):
    with pytest.raises(BugError):
        ask(RenderSettings())


def test_memory_that_is_supposed_is_all_free(ask):
    now = with_memory(replace(MACHINE, now=replace(MACHINE.now, limit_bytes=5)), 24 * GB).now
    assert (now.device_total_bytes, now.device_free_bytes, now.others_bytes) == (24 * GB, 24 * GB, 0)
    assert now.limit_bytes is None
    assert now.host_free_bytes == MACHINE.now.host_free_bytes


def test_what_a_shortage_of_host_memory_taught_is_heeded_and_told(ask):
    question = ask()
    lesson = HostLesson(
        device=CARD,
        demand=demand_of(workload_of(question.request, question.bundle)),
        total_bytes=MACHINE.now.host_total_bytes,
        free_bytes=MACHINE.now.host_free_bytes,
        share=0.75,
        learnt_at=datetime.now(UTC),
    )
    before = answer(question, MACHINE)
    learn(engine_directories()[0], lesson)
    planned = answer(question, MACHINE)
    assert planned.plan.host_budget_bytes == pytest.approx(0.75 * before.plan.host_budget_bytes, abs=1)
    assert planned.machine == MACHINE
    assert planned.notes[-1] == "A render like this ran out of memory here before."
