"""A shortage of the host's memory teaches this machine something, unless another program made it."""

import pytest

from engine.locations import engine_locations
from engine.planning.lessons import known_lessons
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import PlanPhase
from engine.renderers.memory_ladder import MemoryLadder
from engine.renderers.work_directory import note_memory_ran_out
from tests.engine.planning.machines import GB
from tests.engine.renderers.memory_host import WATCH


def counted_on(memory):
    """How much host memory a plan may use, of what is free."""
    return memory.plan(WATCH).host_budget_bytes / (0.95 * GB)


def test_where_the_system_ended_a_render_the_next_job_begins_with_the_share_that_worked(
    host, attempt, tmp_path
):
    assert counted_on(attempt("first")) == pytest.approx(64)
    note_memory_ran_out(tmp_path / "first")
    again = attempt("first")
    assert counted_on(again) == pytest.approx(48)
    again.remember()
    [lesson] = known_lessons(engine_locations().data).of_host
    assert (lesson.share, lesson.free_bytes, lesson.total_bytes) == (0.75, 64 * GB, 64 * GB)
    assert lesson.render == "64x48, 8 frames"
    assert counted_on(attempt("second")) == pytest.approx(48)
    note_memory_ran_out(tmp_path / "second")
    assert counted_on(attempt("second")) == pytest.approx(36)


def test_a_render_that_does_not_end_teaches_nothing(host, attempt, tmp_path):
    attempt("first").plan(WATCH)
    note_memory_ran_out(tmp_path / "first")
    attempt("first").plan(WATCH)
    assert known_lessons(engine_locations().data).count == 0


def test_with_other_host_memory_in_all_nothing_was_learnt(host, attempt, tmp_path):
    attempt("first").plan(WATCH)
    note_memory_ran_out(tmp_path / "first")
    again = attempt("first")
    again.plan(WATCH)
    again.remember()
    host.free(60 * GB, total_bytes=96 * GB)
    assert counted_on(attempt("second")) == pytest.approx(60)


@pytest.mark.parametrize(("taken_gb", "lessons"), [(1, 1), (3, 0)])
def test_host_memory_that_another_program_took_is_no_lesson(host, attempt, tmp_path, taken_gb, lessons):
    attempt("first").plan(WATCH)
    host.host_others_bytes += taken_gb * GB
    note_memory_ran_out(tmp_path / "first")
    again = attempt("first")
    assert counted_on(again) == pytest.approx(48)
    again.remember()
    assert known_lessons(engine_locations().data).count == lessons


@pytest.mark.parametrize(("taken_gb", "lessons"), [(0, 1), (3, 0)])
def test_a_memory_error_on_the_host_teaches_as_much(host, attempt, caplog, taken_gb, lessons):
    first = attempt("first")
    first.plan(WATCH)
    host.host_others_bytes += taken_gb * GB
    first.ran_out(PlanPhase.KEYS_AND_VALUES, of_host=True)
    again = attempt("first")
    again.plan(WATCH)
    again.remember()
    assert known_lessons(engine_locations().data).count == lessons
    assert "The computer's memory ran out" in caplog.text


def test_one_shortage_of_another_programs_making_spoils_the_lesson_of_the_job(host, attempt, tmp_path):
    attempt("first").plan(WATCH)
    note_memory_ran_out(tmp_path / "first")
    attempt("first").plan(WATCH)
    host.host_others_bytes += 9 * GB
    note_memory_ran_out(tmp_path / "first")
    last = attempt("first")
    last.plan(WATCH)
    last.remember()
    assert known_lessons(engine_locations().data).count == 0


def test_a_lesson_never_makes_a_render_impossible(host, attempt, tmp_path):
    attempt("first").plan(WATCH)
    for _ in range(3):
        note_memory_ran_out(tmp_path / "first")
        last = attempt("first")
        last.plan(WATCH)
    last.remember()
    host.free(2 * GB)  # the process and the libraries of a card take 1.5 GB of it
    assert counted_on(attempt("second")) == pytest.approx(2)
    assert MemoryLadder(tmp_path / "second").rungs.attempt.share == 1.0
    host.free(GB)
    with pytest.raises(UserError) as caught:
        attempt("third").plan(WATCH)
    assert caught.value.report.code is ErrorCode.OUT_OF_MEMORY
