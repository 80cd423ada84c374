"""What this machine is, how fast it is and what is free: everything that a plan has to know of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.locations import engine_locations
from engine.memory.arithmetic_rate import attention_rate, product_rate
from engine.memory.block_file import BLOCK_FOLDER, block_files_bytes
from engine.memory.card_failures import card_failures
from engine.memory.device import compute_precision, device_name, release_cached_memory, torch_dtype
from engine.memory.disk_rate import disk_rate
from engine.memory.driver_version import driver_version
from engine.memory.eight_bit import has_eight_bit
from engine.memory.host_memory import host_memory, process_bytes
from engine.memory.transfer_rate import pinnable_bytes, transfer_rate
from engine.planning.machine import MachineIdentity, MachineRates, MemoryNow
from engine.planning.memory_limit import device_memory_limit
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeEffort:
    """How much is tried: bytes copied and pinned, pieces of 16 MiB on the disk.

    `long_enough_s`: how long a run of arithmetic takes at least that settles a rate.
    """

    copied_bytes: int = 256 * 2**20
    pinned_bytes: int = 2**30
    disk_pieces: int = 32
    long_enough_s: float = 0.3


FULL_EFFORT = ProbeEffort()


def machine_identity(device: torch.device) -> MachineIdentity:
    """Return what a device and the software around it are. Raises UserError where a card does not answer."""
    is_processor = device.type == "cpu"
    host_bytes = host_memory().total_bytes
    with card_failures(device):
        return MachineIdentity(
            device=device_name(device),
            is_processor=is_processor,
            device_bytes=host_bytes if is_processor else _card_bytes(device),
            host_bytes=host_bytes,
            cores=torch.get_num_threads(),
            software=f"torch {torch.__version__}" + ("" if is_processor else f", driver {driver_version()}"),
        )


def memory_now(device: torch.device) -> MemoryNow:
    """Return what is free at this moment, and the limit the user has set. Cheap.

    Memory that this process's allocator holds on a card without a tensor in it counts as free.
    Raises UserError where a card does not answer, or for a limit that is no size.
    """
    limit_bytes = device_memory_limit()
    host = host_memory()
    if device.type == "cpu":
        total, free = host.total_bytes, host.free_bytes
        others = max(total - free - process_bytes(), 0)
    else:
        with card_failures(device):
            unclaimed, total = torch.cuda.mem_get_info(device)
            held, used = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
        free = unclaimed + held - used
        others = max(total - unclaimed - held, 0)
    return MemoryNow(
        device_total_bytes=total,
        device_free_bytes=free,
        others_bytes=others,
        host_total_bytes=host.total_bytes,
        host_free_bytes=host.free_bytes,
        limit_bytes=limit_bytes,
        disk_free_bytes=disk_free_bytes(),
    )


def disk_free_bytes() -> int | None:
    """Return what blocks may take on the disk of the engine's cache; None where it does not say."""
    try:
        cache = engine_locations().cache
        return shutil.disk_usage(cache).free + block_files_bytes(cache / BLOCK_FOLDER)
    except (OSError, UserError):
        return None


def measure_rates(
    device: torch.device, disk_folder: Path, *, effort: ProbeEffort = FULL_EFFORT
) -> MachineRates:
    """Measure a machine, in under 20 seconds; every rate is positive, but for what cannot be pinned.

    `disk_folder`: where the disk is tried, the engine's cache directory. Raises UserError: OUT_OF_MEMORY
    where too little is free to measure anything, RENDERER_UNAVAILABLE where a card does not answer.
    """
    with card_failures(device):
        try:
            return _measured(device, disk_folder, effort)
        finally:
            release_cached_memory(device)


def _measured(device: torch.device, disk_folder: Path, effort: ProbeEffort) -> MachineRates:
    pinnable = pinnable_bytes(device, tried_bytes=effort.pinned_bytes)
    pinned = transfer_rate(device, pinned=True, most_bytes=effort.copied_bytes) if pinnable else None
    pageable = transfer_rate(device, pinned=False, most_bytes=effort.copied_bytes)
    products, attentions = _arithmetic(device, effort.long_enough_s)
    if pageable is None or not products or not attentions:
        raise _no_memory(device)
    return MachineRates(
        pinned_bytes_per_s=pinned or 0.0,
        pageable_bytes_per_s=pageable,
        disk_bytes_per_s=disk_rate(disk_folder, pieces=effort.disk_pieces),
        product_flop_per_s=products,
        attention_flop_per_s=attentions,
        pinnable_bytes=pinnable if pinned else 0,
        has_eight_bit=has_eight_bit(device),
    )


def _arithmetic(
    device: torch.device, long_enough_s: float
) -> tuple[dict[Precision, float], dict[Precision, float]]:
    """Return the rates of products and of attention, by the number formats that the device has both in."""
    products: dict[Precision, float] = {}
    attentions: dict[Precision, float] = {}
    for precision in (Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16):
        if not has_precision(device, precision):
            continue
        dtype = torch_dtype(precision)
        product = product_rate(device, dtype, long_enough_s=long_enough_s)
        attention = attention_rate(device, dtype, long_enough_s=long_enough_s)
        if product is not None and attention is not None:
            products[precision], attentions[precision] = product, attention
    return products, attentions


def has_precision(device: torch.device, precision: Precision) -> bool:
    """Whether a device computes in a number format."""
    try:
        compute_precision(device, precision)
    except UserError:
        return False
    return True


def _card_bytes(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).total_memory)


def _no_memory(device: torch.device) -> UserError:
    return UserError(
        f"Too little memory is free on {device_name(device)} to measure it.",
        next_step="Close other programs that use it and try again.",
        code=ErrorCode.OUT_OF_MEMORY,
    )
