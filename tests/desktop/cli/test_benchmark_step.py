"""`masque benchmark step`."""

import json
import subprocess

import pytest

from desktop.cli.main import run

TINY = ("--width-model", "64", "--blocks", "1", "--tokens", "64", "--repeats", "1")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Tiny tensors are slower on several threads, most of all on a busy machine."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def ended(monkeypatch):
    """Let the engine's process have ended with this status and output."""

    def replace(status, output):
        done = subprocess.CompletedProcess([], status, stdout=output, stderr="Traceback: never shown")
        monkeypatch.setattr(subprocess, "run", lambda *_command, **_options: done)

    return replace


def test_both_ways_are_measured_and_read_by_scripts_and_people(masque, ended, capsys):
    answer = masque("benchmark", "step", *TINY, "--clip-only", "--text-guidance", 1, "--adapter-guidance", 4)
    assert (answer["published"]["forwards"], answer["masque"]["forwards"]) == (2, 2)
    assert (answer["options"]["voice"], answer["options"]["adapter_guidance"]) == (False, 4.0)
    assert (answer["options"]["width"], answer["options"]["blocks"], answer["tokens"]) == (64, 1, 64)
    assert answer["largest_difference"] < 1e-4

    ended(0, json.dumps(answer))
    assert run(["benchmark", "step"]) == 0
    shown = capsys.readouterr().out
    for word in ("published", "Masque", "forwards", "peak memory", "64 wide", "driven by clip", "TFLOP/s"):
        assert word in shown


def test_a_wrong_value_is_one_sentence(refused):
    error = refused("benchmark", "step", "--heads", "7")
    assert error["code"] == "bad_input"
    assert "7 heads" in error["message"]


def test_a_benchmark_that_was_killed_says_what_to_try(refused, ended):
    ended(-9, "")
    error = refused("benchmark", "step")
    assert "smaller" in error["next_step"]
