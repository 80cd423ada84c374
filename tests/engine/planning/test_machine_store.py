"""The rates that were measured, kept by what they were measured on."""

import errno
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.planning.machine import MachineIdentity, MachineRates
from engine.planning.machine_store import store_rates, stored_rates
from engine.planning.machine_text import machine_from_json, machine_to_json
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError
from tests.engine.planning import machines

CARD = MachineIdentity(
    device="Card 12",
    is_processor=False,
    device_bytes=12 * 10**9,
    host_bytes=32 * 10**9,
    cores=8,
    software="torch 2.13.0, driver 550",
)
RATES = MachineRates(
    pinned_bytes_per_s=25e9,
    pageable_bytes_per_s=8e9,
    disk_bytes_per_s=3e9,
    product_flop_per_s={Precision.BFLOAT16: 80e12},
    attention_flop_per_s={Precision.BFLOAT16: 60e12},
    pinnable_bytes=28 * 10**9,
    has_eight_bit=True,
)
FASTER = replace(RATES, pinned_bytes_per_s=50e9)


def test_what_was_stored_is_found_again(tmp_path):
    assert stored_rates(tmp_path, CARD) is None
    store_rates(tmp_path, CARD, RATES)
    assert stored_rates(tmp_path, CARD) == RATES
    store_rates(tmp_path, CARD, FASTER)
    assert stored_rates(tmp_path, CARD) == FASTER


@pytest.mark.parametrize(
    "change",
    [
        {"device": "Card 24"},
        {"device_bytes": 24 * 10**9},
        {"host_bytes": 64 * 10**9},
        {"cores": 4},
        {"software": "torch 2.13.0, driver 560"},
        {"is_processor": True},
    ],
)
def test_of_a_machine_that_has_changed_nothing_is_known(tmp_path, change):
    store_rates(tmp_path, CARD, RATES)
    assert stored_rates(tmp_path, replace(CARD, **change)) is None


def test_devices_are_kept_side_by_side_and_the_oldest_are_forgotten(tmp_path):
    cards = [replace(CARD, device=f"Card {number}") for number in range(17)]
    for card in cards[:16]:
        store_rates(tmp_path, card, RATES)
    assert all(stored_rates(tmp_path, card) == RATES for card in cards[:16])
    store_rates(tmp_path, cards[16], FASTER)
    assert [stored_rates(tmp_path, card) for card in cards] == [None] + [RATES] * 15 + [FASTER]


def stored(tmp_path):
    store_rates(tmp_path, CARD, RATES)
    return tmp_path / "machine.json"


def with_rates(text, **changes):
    content = json.loads(text)
    content["machines"][0]["rates"].update(changes)
    return json.dumps(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-20],
        lambda text: "[" * 100_000,
        lambda text: "null",
        lambda text: "\x00" * 50,
        lambda text: text.replace('"format": 2', '"format": 3'),
        lambda text: with_rates(text, disk_bytes_per_s=float("nan")),
        lambda text: with_rates(text, pageable_bytes_per_s=0),
        lambda text: with_rates(text, pinned_bytes_per_s=-1),
        lambda text: with_rates(text, disk_bytes_per_s=10**400),
        lambda text: with_rates(text, product_flop_per_s={}),
        lambda text: with_rates(text, product_flop_per_s={"float128": 1e9}),
        lambda text: with_rates(text, attention_flop_per_s=[1e9]),
        lambda text: with_rates(text, pinnable_bytes=1.5),
        lambda text: with_rates(text, has_eight_bit="yes"),
        lambda text: with_rates(text, measured_at="some day"),
        lambda text: with_rates(text, measured_at="2026-03-01T02:30:00"),
        lambda text: with_rates(text, others_share=-0.5),
        lambda text: with_rates(text, others_share="a lot"),
    ],
)
def test_a_damaged_file_knows_nothing_and_is_written_anew(tmp_path, damage):
    path = stored(tmp_path)
    path.write_text(damage(path.read_text()))
    assert stored_rates(tmp_path, CARD) is None
    store_rates(tmp_path, CARD, FASTER)
    assert stored_rates(tmp_path, CARD) == FASTER


def test_what_an_earlier_version_measured_is_measured_anew(tmp_path):
    path = stored(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    assert stored_rates(tmp_path, CARD) is None
    store_rates(tmp_path, CARD, FASTER)
    assert stored_rates(tmp_path, CARD) == FASTER


def test_a_folder_in_the_files_place_knows_nothing_and_refuses(tmp_path):
    (tmp_path / "machine.json").mkdir()
    assert stored_rates(tmp_path, CARD) is None
    with pytest.raises(UserError) as refusal:
        store_rates(tmp_path, CARD, RATES)
    assert refusal.value.report.code is ErrorCode.FILE_EXISTS


def test_a_full_disk_leaves_what_was_stored(tmp_path, monkeypatch):
    stored(tmp_path)

    def full(self, *given, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(UserError) as refusal:
            store_rates(tmp_path, CARD, FASTER)
    assert refusal.value.report.code is ErrorCode.DISK_FULL
    assert stored_rates(tmp_path, CARD) == RATES
    assert [entry.name for entry in tmp_path.iterdir()] == ["machine.json"]


def test_a_machine_travels_as_text_and_one_of_before_disks_were_looked_at_is_read():
    machine = replace(
        machines.card(12 * machines.GB),
        now=replace(machines.card(12 * machines.GB).now, disk_free_bytes=7 * machines.GB),
    )
    entry = json.loads(json.dumps(machine_to_json(machine)))
    assert machine_from_json(entry) == machine
    del entry["now"]["disk_free_bytes"]
    assert machine_from_json(entry) == machines.card(12 * machines.GB)
    with pytest.raises(ValueError, match="below zero"):
        machine_from_json({**entry, "now": {**entry["now"], "disk_free_bytes": -1}})


def test_when_rates_were_measured_and_how_busy_it_was_is_kept_and_may_be_missing_in_older_files(tmp_path):
    noted = replace(RATES, measured_at=datetime(2026, 3, 1, 2, 30, tzinfo=UTC), others_share=0.25)
    store_rates(tmp_path, CARD, noted)
    assert stored_rates(tmp_path, CARD) == noted
    path = tmp_path / "machine.json"
    content = json.loads(path.read_text())
    del content["machines"][0]["rates"]["measured_at"], content["machines"][0]["rates"]["others_share"]
    path.write_text(json.dumps(content))
    assert stored_rates(tmp_path, CARD) == RATES
