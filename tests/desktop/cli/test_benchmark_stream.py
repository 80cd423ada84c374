"""`masque benchmark stream`."""

import json
import subprocess
from dataclasses import replace

import pytest

from desktop.cli.main import run
from desktop.cli.presenting import plain
from engine.protocol.memory_plan import Concession, WeightStorage
from tests.desktop.plan_samples import STREAMED

TINY = ("--width-model", "64", "--blocks", "1", "--tokens", "64", "--repeats", "1")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Tiny tensors are slower on several threads, most of all on a busy machine."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def answered(monkeypatch):
    """Let the engine's process have answered this."""

    def answer_with(answer):
        done = subprocess.CompletedProcess([], 0, stdout=json.dumps(answer), stderr="")
        monkeypatch.setattr(subprocess, "run", lambda *_command, **_options: done)

    return answer_with


def test_the_table_is_read_by_scripts_and_people(masque, answered, capsys, monkeypatch):
    answer = masque("benchmark", "stream", *TINY, "--only", "resident,accelerate")
    assert [row["name"] for row in answer["rows"]] == ["resident", "accelerate"]
    assert answer["rows"][1]["comparison"]["largest_difference"] == 0.0

    planned = {
        **answer["rows"][1],
        "name": "Masque 11.5 GB, 8-bit",
        "plan": plain(replace(STREAMED, resident_blocks=(3, 9), storage=WeightStorage.EIGHT_BIT)),
        "predicted_bytes": 11_200_000_000,
        "prediction_ratio": 1.0321,
        "comparison": {**answer["rows"][1]["comparison"], "relative_error": 0.031, "largest_difference": 0.5},
    }
    full = replace(STREAMED, resident_blocks=(3,), slots=1, concession=Concession.EIGHT_BIT_WEIGHTS)
    plain_weights = {**planned, "name": "Masque 9 GB", "plan": plain(full), "prediction_ratio": None}
    failed = {**planned, "name": "Masque 8 GB", "failure": "It needs [9] GB.", "measures": None}
    answered({**answer, "rows": [*answer["rows"], planned, plain_weights, failed]})
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["benchmark", "stream"]) == 0
    shown = capsys.readouterr().out
    table = [line for line in shown.splitlines() if line.startswith(("resident", "accelerate", "Masque"))]
    assert len(table) == 4
    assert max(map(len, table)) <= 80
    for words in (
        "64 wide, 1 block)",
        "Masque 11.5 GB, 8-bit: 2 of 40 blocks stay, 2 slots",
        "11.20 GB predicted, 1.032 of the peak",
        "; weights are kept in 8 bits",
        "relative error 3.1e-02",
        "Masque 9 GB: 1 of 40 blocks stay, 1 slot; relative error",
        "Masque 8 GB failed: It needs [9] GB.",
        "busy machine",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("wrong", "named"),
    [(("--budget", "12"), "'12'"), (("--only", "ours"), "'ours'"), (("--heads", "7"), "7 heads")],
)
def test_a_wrong_value_is_one_sentence(refused, wrong, named):
    error = refused("benchmark", "stream", *wrong)
    assert error["code"] == "bad_input"
    assert named in error["message"]
