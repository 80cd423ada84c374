"""This machine as a plan sees it: measured once, then known."""

import logging
from pathlib import Path

from engine.memory.card_failures import card_failures
from engine.memory.device import limit_this_process, render_device
from engine.memory.probe import FULL_EFFORT, ProbeEffort, machine_identity, measure_rates, memory_now
from engine.planning.machine import Machine, MachineIdentity, MachineRates
from engine.planning.machine_store import store_rates, stored_rates
from engine.planning.memory_limit import device_memory_limit
from engine.protocol.errors import UserError

_log = logging.getLogger(__name__)


def known_machine(
    data: Path, disk_folder: Path, *, measure: bool = False, effort: ProbeEffort = FULL_EFFORT
) -> Machine:
    """Return the machine with the device that renders; its rates are measured where none are stored.

    `data`: the engine's data directory; `disk_folder`: its cache; `measure`: measure in any case. From here
    on this process keeps to the limit that the user has set. Raises UserError as `measure_rates` and
    `memory_now` do.
    """
    device = render_device()
    with card_failures(device):
        limit_this_process(device, device_memory_limit())
    identity = machine_identity(device)
    rates = None if measure else stored_rates(data, identity)
    if rates is None:
        rates = measure_rates(device, disk_folder, effort=effort)
        _store(data, identity, rates)
    return Machine(identity=identity, rates=rates, now=memory_now(device))


def _store(data: Path, identity: MachineIdentity, rates: MachineRates) -> None:
    """Store rates; where that cannot be done a plan is made all the same, and measures again next time."""
    try:
        store_rates(data, identity, rates)
    except UserError as error:
        _log.warning("what was measured is not stored: %s", error)
