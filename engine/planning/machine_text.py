"""A machine as JSON and back: for the file that keeps its rates and for what a child process reports."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from engine.planning.machine import Machine, MachineIdentity, MachineRates, MemoryNow
from engine.protocol.diffusion_settings import Precision


def machine_to_json(machine: Machine) -> dict[str, Any]:
    """Return a machine as JSON types."""
    return {
        "identity": identity_to_json(machine.identity),
        "rates": rates_to_json(machine.rates),
        "now": asdict(machine.now),
    }


def machine_from_json(entry: Mapping[str, Any]) -> Machine:
    """Return the machine of its JSON. Raises ValueError, KeyError, TypeError for what is not one."""
    return Machine(
        identity=identity_from_json(entry["identity"]),
        rates=rates_from_json(entry["rates"]),
        now=_now_from_json(entry["now"]),
    )


def identity_to_json(identity: MachineIdentity) -> dict[str, Any]:
    """Return an identity as JSON types."""
    return asdict(identity)


def identity_from_json(entry: Mapping[str, Any]) -> MachineIdentity:
    """Return the identity of its JSON. Raises ValueError, KeyError, TypeError for what is not one."""
    return MachineIdentity(
        device=_text(entry["device"]),
        is_processor=_truth(entry["is_processor"]),
        device_bytes=_count(entry["device_bytes"]),
        host_bytes=_count(entry["host_bytes"]),
        cores=_count(entry["cores"]),
        software=_text(entry["software"]),
    )


def rates_to_json(rates: MachineRates) -> dict[str, Any]:
    """Return rates as JSON types: number formats by their name."""
    return {
        "pinned_bytes_per_s": rates.pinned_bytes_per_s,
        "pageable_bytes_per_s": rates.pageable_bytes_per_s,
        "disk_bytes_per_s": rates.disk_bytes_per_s,
        "product_flop_per_s": _by_name(rates.product_flop_per_s),
        "attention_flop_per_s": _by_name(rates.attention_flop_per_s),
        "pinnable_bytes": rates.pinnable_bytes,
        "has_eight_bit": rates.has_eight_bit,
        "measured_at": None if rates.measured_at is None else rates.measured_at.isoformat(),
        "others_share": rates.others_share,
    }


def rates_from_json(entry: Mapping[str, Any]) -> MachineRates:
    """Return the rates of their JSON. Raises ValueError, KeyError, TypeError for what is not one."""
    measured_at, others_share = entry.get("measured_at"), entry.get("others_share")
    return MachineRates(
        pinned_bytes_per_s=_rate(entry["pinned_bytes_per_s"], least=0.0),
        pageable_bytes_per_s=_rate(entry["pageable_bytes_per_s"], least=1.0),
        disk_bytes_per_s=_rate(entry["disk_bytes_per_s"], least=1.0),
        product_flop_per_s=_by_precision(entry["product_flop_per_s"]),
        attention_flop_per_s=_by_precision(entry["attention_flop_per_s"]),
        pinnable_bytes=_count(entry["pinnable_bytes"]),
        has_eight_bit=_truth(entry["has_eight_bit"]),
        measured_at=None if measured_at is None else _moment(measured_at),
        others_share=None if others_share is None else _rate(others_share, least=0.0),
    )


def _now_from_json(entry: Mapping[str, Any]) -> MemoryNow:
    limit, disk = entry["limit_bytes"], entry.get("disk_free_bytes")
    return MemoryNow(
        device_total_bytes=_count(entry["device_total_bytes"]),
        device_free_bytes=_count(entry["device_free_bytes"]),
        others_bytes=_count(entry["others_bytes"]),
        host_total_bytes=_count(entry["host_total_bytes"]),
        host_free_bytes=_count(entry["host_free_bytes"]),
        limit_bytes=None if limit is None else _count(limit),
        disk_free_bytes=None if disk is None else _count(disk),
    )


def _by_name(rates: Mapping[Precision, float]) -> dict[str, float]:
    return {precision.value: rate for precision, rate in rates.items()}


def _by_precision(entry: Mapping[str, Any]) -> dict[Precision, float]:
    rates = {Precision(name): _rate(rate, least=1.0) for name, rate in entry.items()}
    if not rates:
        raise ValueError("no number format was measured")
    return rates


def _rate(value: object, *, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"{value!r} is no rate")
    return float(value)


def _moment(value: object) -> datetime:
    found = datetime.fromisoformat(_text(value))
    if found.tzinfo is None:
        raise ValueError(f"{value!r} is no moment without its time zone")
    return found


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    if value < 0:
        raise ValueError(f"{value!r} is below zero")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
