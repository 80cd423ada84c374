"""How long a take should last, told from takes that differ from it, with figures of real ones."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from desktop.state.render_pace import AskedTake, Pace, diffusion_pace
from engine.protocol.codec import encode_result
from engine.protocol.diffusion_settings import DiffusionSettings, Precision
from projects_db.records import TakeRecord, TakeStatus
from tests.desktop.take_samples import diffusion_result
from tests.memory_plans import resident_plan

SETTINGS = DiffusionSettings(bundle="test", steps=3)
FIXED_S, STEP_S = 0.67, 0.424
ASKED = AskedTake(bundle="test", size=(512, 288), frames=9, steps=3)


def plan(steps):
    return resident_plan(4, seconds=FIXED_S + steps * STEP_S, seconds_per_step=STEP_S)


def take(seconds, steps, *, frames=9, size=(512, 288), made=plan, **settings):
    result = diffusion_result(
        replace(SETTINGS, steps=steps, **settings), made(steps), seconds, size=size, frames=frames
    )
    return TakeRecord(
        id="t",
        scene_id="s",
        number=1,
        status=TakeStatus.DONE,
        renderer="diffusion",
        seed=0,
        request="",
        result=encode_result(result),
        directory="",
        files=(),
        rating=0,
        notes="",
        error=None,
        created_at=datetime.now(UTC),
        finished_at=None,
    )


def asked(steps, **changes):
    return replace(ASKED, steps=steps, settings=replace(SETTINGS, steps=steps), plan=plan(steps), **changes)


def test_takes_like_it_were_measured_and_others_do_not_count():
    takes = [take(20.0, 3), take(16.0, 3), take(18.0, 3), take(90.0, 60)]
    assert diffusion_pace(takes, asked(3)) == Pace(seconds=18.0)


def test_one_short_take_does_not_make_its_loading_grow_with_the_steps():
    known = diffusion_pace([take(19.0, 3)], asked(99))
    assert known == Pace(seconds=pytest.approx(19.0 + 96 * STEP_S), estimated_from=1)
    unplanned = diffusion_pace([take(19.0, 3)], replace(ASKED, steps=99))
    assert unplanned == known


def test_takes_of_different_steps_tell_what_each_take_costs():
    takes = [take(14.5, 12), take(39.3, 99), take(25.0, 50)]
    known = diffusion_pace(takes, asked(75))
    assert known.seconds == pytest.approx(32.5, abs=1.0)
    assert known.estimated_from == 3


def test_takes_that_lasted_shorter_with_more_steps_leave_it_to_the_plans():
    known = diffusion_pace([take(19.0, 3), take(14.5, 12)], asked(20))
    assert 14.5 < known.seconds < 30.0
    assert known.estimated_from == 2


def test_much_more_than_was_measured_is_left_to_the_plans():
    takes = [take(10.0, 3), take(16.0, 4)]
    assert diffusion_pace(takes, asked(99)).seconds < 60.0


def test_another_size_is_estimated_with_a_plan_and_not_without():
    takes = [take(19.0, 3)]
    assert diffusion_pace(takes, asked(3, size=(640, 360))).estimated_from == 1
    assert diffusion_pace(takes, replace(ASKED, size=(640, 360))) is None


def test_a_plan_that_promised_too_much_is_taken_down_in_proportion():
    promised = plan(99).seconds
    assert diffusion_pace([take(promised / 2, 99)], asked(198)).seconds == pytest.approx(
        plan(198).seconds / 2
    )


def test_other_settings_are_not_what_was_measured():
    known = diffusion_pace([take(19.0, 3, precision=Precision.BFLOAT16)], asked(3))
    assert known == Pace(seconds=19.0, estimated_from=1)


@pytest.mark.parametrize("made", [lambda steps: None, lambda steps: resident_plan(4)])
def test_without_plans_and_with_one_take_nothing_is_guessed(made):
    assert diffusion_pace([take(19.0, 3, made=made)], replace(ASKED, steps=99)) is None
