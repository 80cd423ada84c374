"""This machine as a plan sees it: measured once, then known; again where it was too busy the first time."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch

from engine.memory.card_failures import card_failures
from engine.memory.device import limit_this_process, render_device
from engine.memory.probe import FULL_EFFORT, ProbeEffort, machine_identity, measure_rates, memory_now
from engine.memory.processor_load import others_share, others_share_now, processor_times
from engine.planning.machine import BUSY_SHARE, Machine, MachineIdentity, MachineRates, MemoryNow
from engine.planning.machine_store import store_rates, stored_rates
from engine.planning.memory_limit import device_memory_limit
from engine.protocol.errors import UserError

_log = logging.getLogger(__name__)
_NOT_AGAIN_FOR = timedelta(minutes=10)
_QUIET_CARD_SHARE = 0.1


def known_machine(
    data: Path,
    disk_folder: Path,
    *,
    measure: bool = False,
    keep: bool = True,
    effort: ProbeEffort = FULL_EFFORT,
) -> Machine:
    """Return the machine with the device that renders; its rates are measured where none are stored.

    They are measured again where other programs were busy while it was done, and are quiet now; at most every
    ten minutes.

    `data`: the engine's data directory; `disk_folder`: its cache; `measure`: measure in any case; `keep`:
    store what is measured (not while a render runs: it would be too low). From here on this process keeps to
    the limit that the user has set. Raises UserError as `measure_rates` and `memory_now` do.
    """
    device = render_device()
    with card_failures(device):
        limit_this_process(device, device_memory_limit())
    identity = machine_identity(device)
    rates = None if measure else stored_rates(data, identity)
    if rates is None or (keep and _was_busy(rates) and _is_quiet(memory_now(device), identity)):
        rates = _measured(device, disk_folder, effort)
        if keep:
            _store(data, identity, rates)
    return Machine(identity=identity, rates=rates, now=memory_now(device))


def _measured(device: torch.device, disk_folder: Path, effort: ProbeEffort) -> MachineRates:
    before = processor_times()
    rates = measure_rates(device, disk_folder, effort=effort)
    share = others_share(before, processor_times())
    return replace(rates, measured_at=datetime.now(UTC), others_share=round(share, 3))


def _was_busy(rates: MachineRates) -> bool:
    """Whether rates were measured on a busy machine, and some time ago."""
    if not rates.of_busy_machine:
        return False
    return rates.measured_at is None or datetime.now(UTC) - rates.measured_at > _NOT_AGAIN_FOR


def _is_quiet(now: MemoryNow, identity: MachineIdentity) -> bool:
    """Whether nobody else uses the processor now, nor holds much of a card.

    How busy a card is nobody tells without its maker's own library; who computes on it holds memory of it.
    """
    if not identity.is_processor and now.others_bytes > _QUIET_CARD_SHARE * now.device_total_bytes:
        return False
    return others_share_now() < BUSY_SHARE


def _store(data: Path, identity: MachineIdentity, rates: MachineRates) -> None:
    """Store rates; where that cannot be done a plan is made all the same, and measures again next time."""
    try:
        store_rates(data, identity, rates)
    except UserError as error:
        _log.warning("what was measured is not stored: %s", error)
