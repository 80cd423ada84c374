"""`masque machine`: what is known of this machine, measured anew, and what it learnt forgotten."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from desktop.authoring.graphics_card import CardFacts, TorchBuild
from desktop.authoring.running_render import EngineNow, RunningRender
from desktop.cli.commands import machine_command
from desktop.cli.failures import ExitCode
from desktop.cli.machine_text import step_words
from desktop.cli.main import run
from engine.client import engine_directories
from engine.planning.lesson import Demand, HostLesson, Lesson
from engine.planning.lessons import known_lessons, learn
from engine.planning.machine_store import store_rates
from engine.planning.step_down import NextStep
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import Concession, EncoderPlace
from tests.desktop.plan_samples import CARD, GB, MACHINE
from tests.engine.planning.machines import processor

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUIET = replace(MACHINE, rates=replace(MACHINE.rates, measured_at=NOON, others_share=0.04))
DEMAND = Demand(pass_tokens=32_760, branches=2, bank_tokens=5000)
LESSON = Lesson(
    device=CARD,
    demand=DEMAND,
    budget_bytes=10 * GB,
    step=NextStep(concession=Concession.NO_RESIDENT_BLOCKS, encoders=EncoderPlace.PROCESSOR, tile_at_most=32),
    learnt_at=NOON,
    render="832x480, 81 frames",
)
HOST_LESSON = HostLesson(
    device=CARD,
    demand=DEMAND,
    total_bytes=64 * GB,
    free_bytes=40 * GB,
    share=0.75,
    learnt_at=NOON,
    render="1280x720, 81 frames",
)


class Looks:
    """How this machine was looked at; `machine` is what is found, and what is kept of it; `card` is what can
    be seen of a card.
    """

    def __init__(self):
        self.machine = QUIET
        self.card = CardFacts(system="linux")
        self.can_store = True
        self.asked = []

    def known_machine(self, *, measure=False, keep=True):
        self.asked.append((measure, keep))
        if keep and self.can_store:
            store_rates(engine_directories()[0], self.machine.identity, self.machine.rates)
        return self.machine


@pytest.fixture
def looks(monkeypatch):
    """A machine with a card that is never really looked at."""
    made = Looks()
    monkeypatch.setattr(machine_command, "known_machine", made.known_machine)
    monkeypatch.setattr(machine_command, "card_facts", lambda: made.card)
    monkeypatch.setenv("COLUMNS", "100")
    return made


@pytest.fixture
def rendering(monkeypatch):
    """The engine is at a render."""

    async def running():
        return EngineNow(render=RunningRender(host_bytes=4 * GB, uses_device=True))

    monkeypatch.setattr(machine_command, "running_engine", running)


def test_the_running_engines_limit_is_told_as_its_own(looks, monkeypatch, capsys):
    async def unlimited():
        return EngineNow()

    monkeypatch.setattr(machine_command, "running_engine", unlimited)
    assert "limit none (the running engine's MASQUE_DEVICE_MEMORY)" in told(capsys)
    looks.machine = replace(QUIET, now=replace(QUIET.now, limit_bytes=8 * GB))
    lines = told(capsys)
    assert "limit none (the running engine's MASQUE_DEVICE_MEMORY)" in lines
    assert lines[-1].startswith("note The running engine was started with another MASQUE_DEVICE_MEMORY")


def told(capsys, *arguments, code=ExitCode.DONE):
    """Return what a person reads, each run of spaces as one."""
    capsys.readouterr()
    assert run(["machine", *arguments]) == code
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_card_is_told_with_its_memory_and_its_speed(looks, capsys):
    looks.machine = replace(QUIET, now=replace(QUIET.now, limit_bytes=8 * GB, disk_free_bytes=70 * GB))
    lines = told(capsys)
    assert lines[0] == f"{CARD} torch 2.13.0"
    assert "memory 12.0 GB, 11.0 GB free, 1.0 GB used by other programs" in lines
    assert "limit 8.0 GB (MASQUE_DEVICE_MEMORY)" in lines
    assert "computer 64.0 GB, 60.0 GB free; 48.0 GB may be locked for quick transfer" in lines
    assert "to the card 20.0 GB/s from locked memory, 6.0 GB/s from other memory" in lines
    assert "from the disk 2.0 GB/s, where Masque keeps its cache" in lines
    assert "disk 70.0 GB free there" in lines
    assert "arithmetic float32: products 20 TFLOP/s, attention 10 TFLOP/s" in lines
    assert "bfloat16: products 80 TFLOP/s, attention 40 TFLOP/s" in lines
    assert "8-bit numbers possible" in lines
    assert any("; other programs used 4 % of the processor" in line for line in lines)
    assert lines[-1] == "learnt nothing: no render ran out of memory here"
    assert looks.asked == [(False, True)]


def test_a_processor_is_told_without_what_only_cards_have(looks, capsys):
    looks.machine = processor(16 * GB, has_eight_bit=False)
    lines = told(capsys)
    assert lines[0] == "This computer's processor made up"
    assert "limit none (MASQUE_DEVICE_MEMORY)" in lines
    assert "copies 6.0 GB/s in memory" in lines
    assert "8-bit numbers not possible" in lines
    assert "measured not known when" in lines
    assert not any("card" in line or "locked" in line for line in lines)


def test_a_card_that_is_there_and_does_not_render_is_told_with_what_to_do(looks, masque, capsys):
    looks.card = CardFacts(system="win32", driver_cuda=(12, 8), torch=TorchBuild(version="2.13.0"))
    assert "PyTorch" not in told(capsys)[-1]
    assert masque("machine")["card_is_unused"] is None
    looks.machine = processor(16 * GB, has_eight_bit=False)
    line = told(capsys)[-1]
    assert line.startswith(
        "note The processor renders: a driver for CUDA 12.8 is there, but PyTorch 2.13.0 is"
    )
    assert line == f"note {masque('machine')['card_is_unused']}"


def test_slow_arithmetic_is_told_in_small_numbers_and_a_card_without_locked_memory_says_so(looks, capsys):
    slow = {Precision.FLOAT32: 4.19e8}
    looks.machine = replace(
        QUIET,
        rates=replace(QUIET.rates, product_flop_per_s=slow, attention_flop_per_s={}, pinnable_bytes=0),
    )
    lines = told(capsys)
    assert "arithmetic float32: products 0.419 GFLOP/s, attention not known" in lines
    assert "to the card 6.0 GB/s from other memory" in lines
    assert "computer 64.0 GB, 60.0 GB free; none can be locked for quick transfer" in lines


def test_what_was_measured_on_a_busy_machine_is_told_to_be_too_low(looks, capsys):
    looks.machine = replace(QUIET, rates=replace(QUIET.rates, others_share=0.62))
    text = " ".join(told(capsys))
    assert "other programs used 62 % of the processor: too low; measured again when it is quiet" in text


def test_what_was_learnt_is_told_with_what_such_a_render_begins_with(looks, capsys):
    data = engine_directories()[0]
    learn(data, LESSON)
    learn(data, HOST_LESSON)
    lines = told(capsys)
    text = " ".join(lines)
    assert "learnt 2 renders ran out of memory here; such a one, or a larger, begins with less now" in text
    assert "832x480, 81 frames" in text
    assert "40.0 GB free" in text
    assert "75 % of what is" in text


@pytest.mark.parametrize(
    ("step", "words"),
    [
        *((NextStep(concession=rung), None) for rung in Concession if rung is not Concession.NONE),
        (NextStep(encoders=EncoderPlace.STREAMED), "encoders layer by layer"),
        (LESSON.step, "no block in place, encoders on the processor, tiles of at most 256 pixels"),
    ],
)
def test_every_step_down_has_words(step, words):
    assert step_words(step)
    assert words is None or step_words(step) == words


def test_lessons_of_another_host_memory_are_not_told(looks, capsys):
    learn(engine_directories()[0], replace(HOST_LESSON, total_bytes=32 * GB))
    assert told(capsys)[-1].startswith("learnt nothing")


def test_everything_is_there_for_a_script(looks, masque):
    learn(engine_directories()[0], LESSON)
    answer = masque("machine")
    assert answer["identity"]["device"] == CARD
    assert answer["now"]["device_free_bytes"] == 11 * GB
    assert answer["rates"]["product_flop_per_s"]["bfloat16"] == 80e12
    assert answer["rates"]["measured_at"] == NOON.isoformat()
    assert (answer["render_runs"], answer["rates_are_kept"], answer["forgotten"]) == (False, True, None)
    [lesson] = answer["lessons"]["of_device"]
    assert lesson["step"]["concession"] == "no_resident_blocks"
    assert lesson["demand"]["pass_tokens"] == 32_760


def test_lessons_are_forgotten_without_looking_at_the_machine(looks, masque, capsys):
    data = engine_directories()[0]
    learn(data, LESSON)
    learn(data, HOST_LESSON)
    assert masque("machine", "--forget") == {"forgotten": 2}
    assert known_lessons(data).count == 0
    assert told(capsys, "--forget") == ["There was nothing to forget: no render ran out of memory here."]
    learn(data, LESSON)
    assert told(capsys, "--forget")[0].startswith("What 1 render taught is forgotten.")
    assert looks.asked == []


def test_forgetting_and_measuring_go_together(looks, capsys):
    learn(engine_directories()[0], LESSON)
    lines = told(capsys, "--forget", "--measure")
    assert lines[0].startswith("What 1 render taught is forgotten.")
    assert lines[-1].startswith("learnt nothing")
    assert looks.asked == [(True, True)]


def test_what_is_measured_beside_a_render_is_said_to_be_too_low_and_not_kept(
    looks, rendering, masque, capsys
):
    lines = told(capsys, "--measure")
    assert lines[-2:] == [
        f"note {machine_command.A_RENDER_RUNS}",
        f"note {machine_command.TOO_LOW}",
    ]
    assert looks.asked == [(True, False)]
    answer = masque("machine", "--measure")
    assert (answer["render_runs"], answer["rates_are_kept"]) == (True, False)


def test_while_a_render_runs_what_was_measured_before_is_no_less_right(looks, rendering, capsys):
    store_rates(engine_directories()[0], QUIET.identity, QUIET.rates)
    lines = told(capsys)
    assert lines[-1] == f"note {machine_command.A_RENDER_RUNS}"


def test_what_cannot_be_stored_is_told_and_a_measure_has_failed(looks, capsys):
    looks.can_store = False
    assert "could not be stored" in told(capsys)[-1]
    assert "could not be stored" in told(capsys, "--measure", code=ExitCode.USER_ERROR)[-1]


def test_damaged_lessons_are_one_sentence_and_what_they_held_is_kept(looks, caplog, capsys):
    data = engine_directories()[0]
    data.mkdir(parents=True, exist_ok=True)
    (data / "lessons.json").write_text('{"format": 1, "lessons": [7')
    assert told(capsys)[-1].startswith("learnt nothing")
    [message] = caplog.messages
    assert message.startswith("lessons.json was damaged; what it held is kept as lessons-damaged-")


def test_lessons_that_cannot_be_read_are_refused_in_a_sentence(looks, refused):
    (engine_directories()[0] / "lessons.json").mkdir(parents=True)
    for options in ((), ("--forget",)):
        error = refused("machine", *options)
        assert error["code"] == ErrorCode.FILE_UNREADABLE
        assert "lessons.json" in error["message"]
    assert looks.asked == []


def test_a_machine_that_does_not_answer_is_told(monkeypatch, refused):
    def gone(**named):
        raise UserError("The card does not answer.", next_step="Restart it.", code=ErrorCode.INTERNAL)

    monkeypatch.setattr(machine_command, "known_machine", gone)
    assert refused("machine")["message"] == "The card does not answer."


def test_a_wrong_option_is_refused_for_a_script(capsys):
    assert run(["machine", "--forgett", "--json"]) == ExitCode.WRONG_USAGE
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
