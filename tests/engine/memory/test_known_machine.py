"""A machine is measured once and known from then on, and told to others as JSON."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import torch

from engine.locations import engine_locations
from engine.memory import __main__ as command
from engine.memory import known_machine as known_machine_file
from engine.memory import processor_load
from engine.memory.device import render_device
from engine.memory.known_machine import known_machine
from engine.memory.probe import ProbeEffort, measure_rates
from engine.memory.processor_load import ProcessorTimes, others_share, processor_times
from engine.planning.machine_store import store_rates, stored_rates
from engine.planning.machine_text import machine_from_json, machine_to_json
from engine.protocol.errors import UserError
from tests.engine.planning.machines import GB, card, processor

SMALL = ProbeEffort(copied_bytes=2**20, pinned_bytes=2**20, disk_pieces=1, long_enough_s=0.001)


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    """What this machine is found to do with little effort."""
    return measure_rates(render_device(), tmp_path_factory.mktemp("disk"), effort=SMALL)


@pytest.fixture
def measured_times(monkeypatch, rates):
    """How often the machine was measured; it is never slow."""
    times = []

    def counted(device, folder, **named):
        times.append(time.monotonic())
        return rates

    monkeypatch.setattr(known_machine_file, "measure_rates", counted)
    return times


def test_a_machine_is_measured_once(tmp_path, measured_times):
    first = known_machine(tmp_path, tmp_path)
    assert known_machine(tmp_path, tmp_path).rates == first.rates
    assert len(measured_times) == 1
    known_machine(tmp_path, tmp_path, measure=True)
    assert len(measured_times) == 2


def test_a_machine_that_has_changed_is_measured_anew(tmp_path, measured_times, monkeypatch):
    first = known_machine(tmp_path, tmp_path)
    other = replace(first.identity, software="torch 2.14.0, driver 600")
    monkeypatch.setattr(known_machine_file, "machine_identity", lambda device: other)
    known_machine(tmp_path, tmp_path)
    assert len(measured_times) == 2
    assert stored_rates(tmp_path, first.identity) == first.rates


def test_where_nothing_can_be_stored_the_machine_is_known_all_the_same(tmp_path, measured_times, caplog):
    (tmp_path / "machine.json").mkdir()
    assert known_machine(tmp_path, tmp_path).rates.disk_bytes_per_s > 0
    assert "is not stored" in caplog.text


def test_a_machine_survives_being_told(tmp_path, measured_times):
    machine = known_machine(tmp_path, tmp_path)
    assert machine_from_json(json.loads(json.dumps(machine_to_json(machine)))) == machine


def test_the_command_says_the_machine_in_one_line(measured_times, capsys):
    assert command.main(["machine"]) == 0
    assert command.main(["machine", "--measure"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert machine_from_json(json.loads(first)).identity == machine_from_json(json.loads(second)).identity
    assert len(measured_times) == 2
    assert list(engine_locations().cache.iterdir()) == []


def test_what_is_measured_is_stored_with_its_time_and_how_busy_the_machine_was(
    tmp_path, measured_times, monkeypatch
):
    readings = iter(
        [
            ProcessorTimes(all_s=100.0, busy_s=50.0, own_s=10.0),
            ProcessorTimes(all_s=120.0, busy_s=65.0, own_s=20.0),
        ]
    )
    monkeypatch.setattr(known_machine_file, "processor_times", lambda: next(readings))
    before = datetime.now(UTC)
    found = known_machine(tmp_path, tmp_path)
    assert found.rates.others_share == 0.25
    assert before <= found.rates.measured_at <= datetime.now(UTC)
    assert stored_rates(tmp_path, found.identity) == found.rates


@pytest.mark.parametrize(
    ("then", "now", "keep", "again"),
    [
        ((0.6, 30), 0.05, True, True),
        ((0.6, 5), 0.05, True, False),
        ((0.6, 30), 0.5, True, False),
        ((0.1, 30), 0.05, True, False),
        ((None, 30), 0.05, True, False),
        ((0.6, 30), 0.05, False, False),
    ],
)
def test_what_was_measured_on_a_busy_machine_is_measured_again_on_a_quiet_one(
    tmp_path, measured_times, monkeypatch, then, now, keep, again
):
    first = known_machine(tmp_path, tmp_path)
    measured_times.clear()
    (share, minutes_ago), measured_at = then, datetime.now(UTC)
    measured_at -= timedelta(minutes=minutes_ago)
    noted = replace(first.rates, measured_at=measured_at, others_share=share)
    store_rates(tmp_path, first.identity, noted)
    monkeypatch.setattr(known_machine_file, "others_share_now", lambda: now)
    found = known_machine(tmp_path, tmp_path, keep=keep)
    assert bool(measured_times) is again
    assert (found.rates.measured_at > measured_at) is again


def test_a_card_whose_memory_others_hold_is_not_quiet(monkeypatch):
    monkeypatch.setattr(known_machine_file, "others_share_now", lambda: 0.0)
    alone, shared = card(12 * GB), card(10 * GB, others=2 * GB)
    assert known_machine_file._is_quiet(alone.now, alone.identity)
    assert not known_machine_file._is_quiet(shared.now, shared.identity)
    busy = processor(12 * GB)
    assert known_machine_file._is_quiet(replace(busy.now, others_bytes=8 * GB), busy.identity)


def test_what_is_measured_while_a_render_runs_is_not_kept(tmp_path, measured_times):
    found = known_machine(tmp_path, tmp_path, measure=True, keep=False)
    assert measured_times
    assert stored_rates(tmp_path, found.identity) is None


@pytest.mark.parametrize(
    ("busy_s", "own_s", "share"), [(0.0, 0.0, 0.0), (5.0, 1.0, 0.4), (4.0, 6.0, 0.0), (30.0, 0.0, 1.0)]
)
def test_what_this_process_does_is_not_laid_to_others(busy_s, own_s, share):
    before = ProcessorTimes(all_s=100.0, busy_s=40.0, own_s=3.0)
    after = ProcessorTimes(all_s=110.0, busy_s=40.0 + busy_s, own_s=3.0 + own_s)
    assert others_share(before, after) == pytest.approx(share)
    assert others_share(before, before) == 0.0


def test_the_processors_times_are_read(monkeypatch):
    first = processor_times()
    assert first.own_s > 0
    assert 0 <= first.busy_s <= first.all_s
    readings = iter([first, replace(first, all_s=first.all_s + 2, busy_s=first.busy_s + 1)])
    monkeypatch.setattr(processor_load, "processor_times", lambda: next(readings))
    monkeypatch.setattr(processor_load, "_LOOK_S", 0.0)
    assert processor_load.others_share_now() == 0.5


def test_a_limit_that_is_no_size_is_told_before_anything_is_measured(measured_times, monkeypatch, capsys):
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", "a lot")
    assert command.main(["machine"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["code"], said["details"]) == ("bad_input", {"variable": "MASQUE_DEVICE_MEMORY"})
    assert measured_times == []


def test_an_interruption_ends_with_its_own_status(monkeypatch, capsys):
    def interrupt(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(known_machine_file, "known_machine", interrupt)
    assert command.main(["machine"]) == 130
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_card_that_disappears_between_calls_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(known_machine_file, "render_device", partial(torch.device, "cuda", 0))
    with pytest.raises(UserError, match="graphics card does not answer"):
        known_machine(tmp_path, tmp_path)
    assert command.main(["machine"]) == 1
    assert json.loads(capsys.readouterr().out)["code"] == "renderer_unavailable"
