"""Machines as plans see them."""

from engine.planning.machine import Machine, MachineIdentity, MachineRates, MemoryNow
from engine.protocol.diffusion_settings import Precision

GB = 10**9


def rates(**changes):
    """What was measured on a machine with a card."""
    values = {
        "pinned_bytes_per_s": 25e9,
        "pageable_bytes_per_s": 6e9,
        "disk_bytes_per_s": 2e9,
        "product_flop_per_s": {Precision.BFLOAT16: 6e13, Precision.FLOAT32: 3e13},
        "attention_flop_per_s": {Precision.BFLOAT16: 6e13, Precision.FLOAT32: 2e13},
        "pinnable_bytes": 48 * GB,
        "has_eight_bit": True,
    }
    return MachineRates(**{**values, **changes})


def card(device_bytes, *, host_bytes=96 * GB, limit=None, others=0, **measured):
    """A machine with a card, all of whose memory is free but what others use."""
    return Machine(
        identity=identity("a card", is_processor=False, device_bytes=device_bytes, host_bytes=host_bytes),
        rates=rates(**measured),
        now=MemoryNow(
            device_total_bytes=device_bytes + others,
            device_free_bytes=device_bytes,
            others_bytes=others,
            host_total_bytes=host_bytes,
            host_free_bytes=host_bytes,
            limit_bytes=limit,
        ),
    )


def processor(host_bytes, *, limit=None, **measured):
    """A machine without a card."""
    return Machine(
        identity=identity("processor", is_processor=True, device_bytes=host_bytes, host_bytes=host_bytes),
        rates=rates(**{"pinned_bytes_per_s": 0.0, "pinnable_bytes": 0, **measured}),
        now=MemoryNow(
            device_total_bytes=host_bytes,
            device_free_bytes=host_bytes,
            others_bytes=0,
            host_total_bytes=host_bytes,
            host_free_bytes=host_bytes,
            limit_bytes=limit,
        ),
    )


def identity(device, *, is_processor, device_bytes, host_bytes):
    """What a machine is."""
    return MachineIdentity(
        device=device,
        is_processor=is_processor,
        device_bytes=device_bytes,
        host_bytes=host_bytes,
        cores=8,
        software="made up",
    )
