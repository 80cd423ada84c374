"""What was measured on this machine, device by device: one JSON file in the engine's data directory.

It can all be measured again: a file that is damaged or of another version holds nothing and is written anew.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.media.atomic import atomic_path
from engine.media.write_errors import writing
from engine.planning.machine import MachineIdentity, MachineRates
from engine.planning.machine_text import (
    identity_from_json,
    identity_to_json,
    rates_from_json,
    rates_to_json,
)

MACHINE_FORMAT = 2
"""Raised whenever something is measured otherwise: numbers of before would be taken for today's."""

_FILE_NAME = "machine.json"
_MOST_DEVICES = 16


def stored_rates(data: Path, identity: MachineIdentity) -> MachineRates | None:
    """Return what was measured under this very identity, or None where it has to be measured.

    `data`: the engine's data directory.
    """
    return dict(_entries(data)).get(identity)


def store_rates(data: Path, identity: MachineIdentity, rates: MachineRates) -> None:
    """Remember what was measured; what is known under other identities stays, the newest 16 of them.

    Raises UserError as writing a file does.
    """
    others = [(known, its) for known, its in _entries(data) if known != identity]
    newest_first = [(identity, rates), *others][:_MOST_DEVICES]
    machines = [
        {"identity": identity_to_json(known), "rates": rates_to_json(its)} for known, its in newest_first
    ]
    path = data / _FILE_NAME
    with atomic_path(path) as temporary, writing(path):
        temporary.write_text(json.dumps({"format": MACHINE_FORMAT, "machines": machines}, indent=1) + "\n")


def _entries(data: Path) -> list[tuple[MachineIdentity, MachineRates]]:
    """Return what the file holds; nothing where it is not there, not to be read, or damaged."""
    try:
        content = json.loads((data / _FILE_NAME).read_bytes())
        machines = content["machines"] if content["format"] == MACHINE_FORMAT else []
        return [_entry(machine) for machine in machines]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return []


def _entry(machine: Mapping[str, Any]) -> tuple[MachineIdentity, MachineRates]:
    return identity_from_json(machine["identity"]), rates_from_json(machine["rates"])
