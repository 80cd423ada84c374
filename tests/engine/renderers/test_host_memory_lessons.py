"""A shortage of the host's memory teaches this machine something, unless another program made it."""

from dataclasses import replace

import pytest
import torch

from engine.locations import engine_locations
from engine.planning.lessons import known_lessons
from engine.planning.machine import Machine
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import PlanPhase
from engine.renderers import render_memory
from engine.renderers.memory_ladder import MemoryLadder
from engine.renderers.render_memory import RenderMemory
from engine.renderers.work_directory import note_memory_ran_out
from tests.engine.planning.machines import GB, card

CARD = torch.device("cuda", 0)


class Host:
    """A machine with a card, what is free of its host memory, and what others use of that."""

    def __init__(self):
        self.machine = card(12 * GB, host_bytes=64 * GB)
        self.others_bytes = 4 * GB

    def known(self, data, cache) -> Machine:
        return self.machine

    def free(self, free_bytes, *, total_bytes=64 * GB):
        now = replace(self.machine.now, host_free_bytes=free_bytes, host_total_bytes=total_bytes)
        self.machine = replace(self.machine, now=now)


@pytest.fixture
def host(monkeypatch):
    """The machine that renders find."""
    made = Host()
    monkeypatch.setattr(render_memory, "machine_identity", lambda device: made.machine.identity)
    monkeypatch.setattr(render_memory, "known_machine", made.known)
    monkeypatch.setattr(render_memory, "others_bytes", lambda: made.others_bytes)
    return made


@pytest.fixture
def attempt(host, shot, installed, tmp_path):
    """Return a function that begins an attempt of the job in a work directory."""
    request = shot(characters=())

    def begin(work):
        folder = tmp_path / work
        folder.mkdir(exist_ok=True)
        return RenderMemory(
            request, installed, CARD, data=engine_locations().data, cache=tmp_path, work=folder
        )

    return begin


def counted_on(memory):
    """How much host memory a plan may use, of what is free."""
    return memory.plan().host_budget_bytes / (0.95 * GB)


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
    attempt("first").plan()
    note_memory_ran_out(tmp_path / "first")
    attempt("first").plan()
    assert known_lessons(engine_locations().data).count == 0


def test_with_other_host_memory_in_all_nothing_was_learnt(host, attempt, tmp_path):
    attempt("first").plan()
    note_memory_ran_out(tmp_path / "first")
    again = attempt("first")
    again.plan()
    again.remember()
    host.free(60 * GB, total_bytes=96 * GB)
    assert counted_on(attempt("second")) == pytest.approx(60)


@pytest.mark.parametrize(("taken_gb", "lessons"), [(1, 1), (3, 0)])
def test_host_memory_that_another_program_took_is_no_lesson(host, attempt, tmp_path, taken_gb, lessons):
    attempt("first").plan()
    host.others_bytes += taken_gb * GB
    note_memory_ran_out(tmp_path / "first")
    again = attempt("first")
    assert counted_on(again) == pytest.approx(48)
    again.remember()
    assert known_lessons(engine_locations().data).count == lessons


@pytest.mark.parametrize(("taken_gb", "lessons"), [(0, 1), (3, 0)])
def test_a_memory_error_on_the_host_teaches_as_much(host, attempt, caplog, taken_gb, lessons):
    first = attempt("first")
    first.plan()
    host.others_bytes += taken_gb * GB
    first.ran_out(PlanPhase.KEYS_AND_VALUES, of_host=True)
    again = attempt("first")
    again.plan()
    again.remember()
    assert known_lessons(engine_locations().data).count == lessons
    assert "The computer's memory ran out" in caplog.text


def test_one_shortage_of_another_programs_making_spoils_the_lesson_of_the_job(host, attempt, tmp_path):
    attempt("first").plan()
    note_memory_ran_out(tmp_path / "first")
    attempt("first").plan()
    host.others_bytes += 9 * GB
    note_memory_ran_out(tmp_path / "first")
    last = attempt("first")
    last.plan()
    last.remember()
    assert known_lessons(engine_locations().data).count == 0


def test_a_lesson_never_makes_a_render_impossible(host, attempt, tmp_path):
    attempt("first").plan()
    for _ in range(3):
        note_memory_ran_out(tmp_path / "first")
        last = attempt("first")
        last.plan()
    last.remember()
    host.free(2 * GB)  # the process and the libraries of a card take 1.5 GB of it
    assert counted_on(attempt("second")) == pytest.approx(2)
    assert MemoryLadder(tmp_path / "second").rungs.attempt.share == 1.0
    host.free(GB)
    with pytest.raises(UserError) as caught:
        attempt("third").plan()
    assert caught.value.report.code is ErrorCode.OUT_OF_MEMORY
