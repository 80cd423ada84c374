"""What ran out of memory is remembered, and holds where it must: for no less to do, with no more memory."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning import lessons
from engine.planning.lesson import Demand, HostLesson, Lesson, Lessons
from engine.planning.lessons import (
    forget_lessons,
    known_lessons,
    learn,
    learnt_host_share,
    learnt_step,
)
from engine.planning.step_down import NextStep
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import Concession, EncoderPlace
from tests.engine.planning.machines import GB, card

CARD = "Card 12"
DEMAND = Demand(pass_tokens=32_760, branches=2, bank_tokens=5000)
BUDGET = 10_000_000_000
LEARNT_AT = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
LESSON = Lesson(
    device=CARD,
    demand=DEMAND,
    budget_bytes=BUDGET,
    step=NextStep(concession=Concession.NO_RESIDENT_BLOCKS),
    learnt_at=LEARNT_AT,
)
HOST = card(12 * GB, host_bytes=32 * GB).now
HOST_LESSON = HostLesson(
    device=CARD,
    demand=DEMAND,
    total_bytes=HOST.host_total_bytes,
    free_bytes=20 * GB,
    share=0.75,
    learnt_at=LEARNT_AT,
    render="832x480, 81 frames",
)
LADDER = tuple(Concession)


def share_with(data, free_bytes, *, demand=DEMAND, device=CARD, total_bytes=HOST.host_total_bytes):
    now = replace(HOST, host_free_bytes=free_bytes, host_total_bytes=total_bytes)
    return learnt_host_share(data, device, demand, now)


def test_nothing_is_given_up_before_anything_was_learnt(tmp_path):
    assert learnt_step(tmp_path, CARD, DEMAND, BUDGET).concession is Concession.NONE


def test_a_lesson_holds_for_the_same_render_again(tmp_path):
    learn(tmp_path, LESSON)
    assert learnt_step(tmp_path, CARD, DEMAND, BUDGET).concession is Concession.NO_RESIDENT_BLOCKS


@pytest.mark.parametrize("number", ["pass_tokens", "branches", "bank_tokens"])
def test_a_lesson_holds_for_more_to_do_and_not_for_less(tmp_path, number):
    learn(tmp_path, LESSON)
    more = replace(DEMAND, **{number: getattr(DEMAND, number) + 1})
    less = replace(DEMAND, **{number: getattr(DEMAND, number) - 1})
    assert learnt_step(tmp_path, CARD, more, BUDGET).concession is Concession.NO_RESIDENT_BLOCKS
    assert learnt_step(tmp_path, CARD, less, BUDGET).concession is Concession.NONE


@pytest.mark.parametrize(
    ("budget", "holds"),
    [
        (1, True),
        (BUDGET, True),
        (BUDGET * 105 // 100, True),
        (BUDGET * 105 // 100 + 1, False),
        (2 * BUDGET, False),
    ],
)
def test_a_lesson_holds_up_to_a_twentieth_more_memory(tmp_path, budget, holds):
    learn(tmp_path, LESSON)
    assert (learnt_step(tmp_path, CARD, DEMAND, budget).concession is not Concession.NONE) is holds


def test_what_one_card_learnt_is_not_another_cards(tmp_path):
    learn(tmp_path, LESSON)
    assert learnt_step(tmp_path, "Card 24", DEMAND, BUDGET).concession is Concession.NONE


def test_of_several_lessons_the_highest_rung_holds(tmp_path):
    learn(tmp_path, replace(LESSON, step=NextStep(concession=Concession.EIGHT_BIT_WEIGHTS)))
    learn(tmp_path, replace(LESSON, step=NextStep(concession=Concession.SMALLER_PIECES)))
    assert learnt_step(tmp_path, CARD, DEMAND, BUDGET).concession is Concession.EIGHT_BIT_WEIGHTS


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_more_memory_or_less_to_do_never_gives_up_more(tmp_path_factory, data):
    numbers = st.integers(0, 5)
    demands = st.builds(Demand, pass_tokens=numbers, branches=numbers, bank_tokens=numbers)
    some_lessons = st.builds(
        Lesson,
        device=st.just(CARD),
        demand=demands,
        budget_bytes=numbers,
        step=st.builds(
            NextStep,
            concession=st.sampled_from(Concession),
            encoders=st.sampled_from(EncoderPlace),
            tile_at_most=st.none() | st.integers(1, 64),
        ),
        learnt_at=st.just(LEARNT_AT),
    )
    folder = tmp_path_factory.mktemp("lessons")
    for lesson in data.draw(st.lists(some_lessons, max_size=4)):
        learn(folder, lesson)
    demand, budget = data.draw(demands), data.draw(numbers)
    easier = Demand(
        pass_tokens=data.draw(st.integers(0, demand.pass_tokens)),
        branches=data.draw(st.integers(0, demand.branches)),
        bank_tokens=data.draw(st.integers(0, demand.bank_tokens)),
    )
    given_up = learnt_step(folder, CARD, demand, budget).concession
    with_more = learnt_step(folder, CARD, easier, budget + data.draw(numbers)).concession
    assert LADDER.index(with_more) <= LADDER.index(given_up)


def test_only_the_newest_lessons_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "_MOST_LESSONS", 5)
    for number in range(7):
        demand = replace(DEMAND, pass_tokens=1000 - number)
        learn(tmp_path, replace(LESSON, demand=demand, learnt_at=LEARNT_AT + timedelta(hours=number)))
    kept = known_lessons(tmp_path).of_device
    assert [lesson.demand.pass_tokens for lesson in kept] == [994, 995, 996, 997, 998]
    assert forget_lessons(tmp_path) == 5


def test_a_lesson_learnt_twice_is_kept_once(tmp_path):
    learn(tmp_path, LESSON)
    learn(tmp_path, LESSON)
    assert forget_lessons(tmp_path) == 1
    assert learnt_step(tmp_path, CARD, DEMAND, BUDGET).concession is Concession.NONE
    assert forget_lessons(tmp_path) == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("no_resident_blocks", "no_such_rung"),
        ('"budget_bytes": 10000000000', '"budget_bytes": NaN'),
        ('"branches": 2', '"branches": -2'),
        ('"branches": 2', '"branches": true'),
        ("2026-03-01", "some day"),
        ('"device": "Card 12"', '"device": null'),
        ('"format": 1', '"format": 7'),
        ('"lessons": [', '"lessons": '),
        ('{\n "format"', "[" * 100_000),
    ],
)
def test_a_damaged_file_is_kept_aside_and_learning_begins_anew(tmp_path, caplog, before, after):
    learn(tmp_path, LESSON)
    path = tmp_path / "lessons.json"
    damaged = path.read_text().replace(before, after)
    assert damaged != path.read_text()
    path.write_text(damaged)
    assert learnt_step(tmp_path, CARD, DEMAND, BUDGET).concession is Concession.NONE
    [kept] = tmp_path.glob("lessons-damaged-*.json")
    assert kept.read_text() == damaged
    assert kept.name in caplog.text
    learn(tmp_path, LESSON)
    assert learnt_step(tmp_path, CARD, DEMAND, BUDGET).concession is Concession.NO_RESIDENT_BLOCKS


def test_where_nothing_can_be_written_a_lesson_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UserError) as refusal:
        learn(tmp_path / "gone", LESSON)
    assert refusal.value.report.code is ErrorCode.FILE_MISSING


def test_a_shortage_of_host_memory_holds_for_no_less_to_do_with_no_more_free(tmp_path):
    assert share_with(tmp_path, 20 * GB) == 1.0
    learn(tmp_path, HOST_LESSON)
    assert [share_with(tmp_path, free * GB) for free in (1, 20, 21)] == [0.75] * 3
    assert share_with(tmp_path, 21 * GB + 1) == 1.0
    assert share_with(tmp_path, 20 * GB, demand=replace(DEMAND, branches=3)) == 0.75
    assert share_with(tmp_path, 20 * GB, demand=replace(DEMAND, branches=1)) == 1.0
    assert share_with(tmp_path, 20 * GB, device="processor") == 1.0
    learn(tmp_path, replace(HOST_LESSON, share=0.5625))
    assert share_with(tmp_path, 20 * GB) == 0.5625


def test_a_host_with_a_little_more_or_less_memory_in_all_is_the_same_host(tmp_path):
    learn(tmp_path, HOST_LESSON)
    hundredth = HOST.host_total_bytes // 100
    shares = [
        share_with(tmp_path, 20 * GB, total_bytes=HOST.host_total_bytes + change * hundredth)
        for change in (-3, -1, 1, 3)
    ]
    assert shares == [1.0, 0.75, 0.75, 1.0]
    a_little_more = replace(HOST_LESSON, total_bytes=HOST.host_total_bytes + hundredth, share=0.5625)
    learn(tmp_path, a_little_more)
    assert known_lessons(tmp_path).of_host == (a_little_more, HOST_LESSON)


def test_with_other_host_memory_in_all_what_its_shortages_taught_is_forgotten(tmp_path):
    learn(tmp_path, HOST_LESSON)
    assert share_with(tmp_path, 20 * GB, total_bytes=64 * GB) == 1.0
    learn(tmp_path, replace(HOST_LESSON, total_bytes=64 * GB))
    assert share_with(tmp_path, 20 * GB) == 1.0
    assert known_lessons(tmp_path).count == 1


def test_lessons_of_both_kinds_lie_side_by_side_and_are_forgotten_together(tmp_path):
    learn(tmp_path, LESSON)
    learn(tmp_path, HOST_LESSON)
    learn(tmp_path, HOST_LESSON)
    assert known_lessons(tmp_path) == Lessons(of_device=(LESSON,), of_host=(HOST_LESSON,))
    assert forget_lessons(tmp_path) == 2
    assert known_lessons(tmp_path) == Lessons()


@pytest.mark.parametrize("share", [0, 0.0, -0.5, 1.5, "NaN", "half", None])
def test_a_share_that_is_none_makes_a_damaged_file(tmp_path, caplog, share):
    learn(tmp_path, HOST_LESSON)
    path = tmp_path / "lessons.json"
    path.write_text(path.read_text().replace('"share": 0.75', f'"share": {json.dumps(share)}'))
    assert known_lessons(tmp_path) == Lessons()
    assert "was damaged" in caplog.text


def test_what_was_learnt_before_the_host_could_teach_is_read(tmp_path):
    learn(tmp_path, LESSON)
    path = tmp_path / "lessons.json"
    content = json.loads(path.read_text())
    del content["host_lessons"], content["lessons"][0]["render"]
    path.write_text(json.dumps(content))
    assert known_lessons(tmp_path) == Lessons(of_device=(LESSON,))


def test_lessons_that_cannot_be_opened_are_one_sentence(tmp_path):
    (tmp_path / "lessons.json").mkdir()
    for ask in (known_lessons, forget_lessons):
        with pytest.raises(UserError, match="cannot be read") as refusal:
            ask(tmp_path)
        assert refusal.value.report.code is ErrorCode.FILE_UNREADABLE
    assert learnt_step(tmp_path, CARD, DEMAND, BUDGET) == NextStep()
