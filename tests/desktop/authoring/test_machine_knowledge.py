"""What the desktop makes of the child process that knows this machine."""

import json
import subprocess

import pytest

from desktop.authoring.machine_knowledge import known_machine
from engine.locations import engine_locations
from engine.planning.machine import Machine, MachineIdentity, MachineRates, MemoryNow
from engine.planning.machine_store import store_rates
from engine.planning.machine_text import machine_to_json
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError

BEGINNING = "What this machine can do could not be found out:"
MACHINE = Machine(
    identity=MachineIdentity(
        device="Card 12",
        is_processor=False,
        device_bytes=12 * 10**9,
        host_bytes=32 * 10**9,
        cores=8,
        software="torch 2.13.0, driver 550",
    ),
    rates=MachineRates(
        pinned_bytes_per_s=25e9,
        pageable_bytes_per_s=8e9,
        disk_bytes_per_s=3e9,
        product_flop_per_s={Precision.BFLOAT16: 80e12, Precision.FLOAT32: 20e12},
        attention_flop_per_s={Precision.BFLOAT16: 60e12, Precision.FLOAT32: 15e12},
        pinnable_bytes=28 * 10**9,
        has_eight_bit=True,
    ),
    now=MemoryNow(
        device_total_bytes=12 * 10**9,
        device_free_bytes=11 * 10**9,
        others_bytes=10**9,
        host_total_bytes=32 * 10**9,
        host_free_bytes=20 * 10**9,
        limit_bytes=8 * 10**9,
    ),
)


def child(stdout="", *, status=0, stderr=""):
    """A child that has already said what it had to say."""
    return lambda arguments: subprocess.CompletedProcess(list(arguments), status, stdout, stderr)


def refused(run_child):
    with pytest.raises(UserError) as refusal:
        known_machine(run_child=run_child)
    return refusal.value.report


def test_the_machine_is_what_the_child_said():
    assert known_machine(run_child=child(json.dumps(machine_to_json(MACHINE)))) == MACHINE


def test_the_child_is_asked_to_measure_again_or_to_keep_nothing_only_on_request():
    asked = []

    def run_child(arguments):
        asked.append(list(arguments))
        return subprocess.CompletedProcess(arguments, 0, json.dumps(machine_to_json(MACHINE)), "")

    known_machine(run_child=run_child)
    known_machine(measure=True, run_child=run_child)
    known_machine(measure=True, keep=False, run_child=run_child)
    assert asked == [["machine"], ["machine", "--measure"], ["machine", "--measure", "--not-kept"]]


def test_what_libraries_write_around_the_answer_is_passed_over():
    said = "UserWarning: something\n" + json.dumps(machine_to_json(MACHINE)) + "\n{not json\nbye\n"
    assert known_machine(run_child=child(said)) == MACHINE


def test_the_childs_own_sentence_is_told():
    said = {
        "message": "It is full.",
        "next_step": "Empty it.",
        "code": "out_of_memory",
        "details": {"a": "b"},
    }
    report = refused(child(json.dumps(said), status=1))
    assert (report.message, report.next_step, report.code) == ("It is full.", "Empty it.", "out_of_memory")
    assert report.details == {"a": "b"}


def changed(**changes):
    return json.dumps({**machine_to_json(MACHINE), **changes})


@pytest.mark.parametrize(
    "said",
    [
        "",
        "rubbish",
        "[]",
        "{}",
        '{"identity": 3}',
        "{" * 100_000,
        changed(rates={}),
        changed(now=None),
        changed(now={**machine_to_json(MACHINE)["now"], "host_free_bytes": float("nan")}),
        changed(rates={**machine_to_json(MACHINE)["rates"], "disk_bytes_per_s": 10**400}),
    ],
)
def test_rubbish_is_one_sentence(said):
    report = refused(child(said, stderr="Traceback\nlast line"))
    assert report.message == f"{BEGINNING} the answer is not to be understood."
    assert report.next_step
    assert report.details == {"log": "Traceback\nlast line"}


def test_an_error_in_words_unknown_here_is_one_sentence():
    said = {"message": "x", "next_step": "y", "code": "no such code", "details": {}}
    assert "not to be understood" in refused(child(json.dumps(said), status=1)).message


@pytest.mark.parametrize(
    ("status", "code"), [(-9, ErrorCode.OUT_OF_MEMORY), (-11, ErrorCode.INTERNAL), (3, "internal")]
)
def test_a_child_that_dies_is_one_sentence(status, code):
    report = refused(child("", status=status))
    assert report.code == code
    assert report.message.startswith(BEGINNING)


def test_a_child_that_hangs_or_cannot_be_started_is_one_sentence():
    def hang(arguments):
        raise subprocess.TimeoutExpired(arguments, 180)

    def refuse(arguments):
        raise OSError(12, "Cannot allocate memory")

    assert "took longer than 180 s" in refused(hang).message
    assert "Cannot allocate memory" in refused(refuse).message


def test_an_interrupted_child_interrupts():
    with pytest.raises(KeyboardInterrupt):
        known_machine(run_child=child(status=130))


def test_a_real_child_says_what_is_stored_and_what_is_free(monkeypatch):
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", "8GB")
    from engine.memory.device import render_device  # the other tests need no torch
    from engine.memory.probe import machine_identity

    data = engine_locations().data
    identity = machine_identity(render_device())
    store_rates(data, identity, MACHINE.rates)
    found = known_machine()
    assert found.identity == identity
    assert found.rates == MACHINE.rates
    assert found.now.limit_bytes == 8 * 10**9
    assert 0 < found.now.host_free_bytes <= found.now.host_total_bytes
