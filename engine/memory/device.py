"""The device a render computes on, and the number format it does best there. Only here are devices named."""

import platform
import sys

import torch

from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError

_DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT16: torch.float16,
}

_LEFT_FOR_KERNELS_BYTES = 128 * 2**20
"""Of a card under Windows: what the libraries load beside tensors once they compute."""


def render_device() -> torch.device:
    """Return the first graphics card, or the processor where there is none."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def compute_precision(device: torch.device, asked: Precision) -> Precision:
    """Return the number format to compute in: as asked, else bfloat16 on a card that has it, else float32.

    Raises UserError where the device cannot do what was asked.
    """
    if asked is Precision.BFLOAT16 and device.type == "cuda" and not _has_bfloat16():
        raise UserError(
            f"{device_name(device)} cannot compute in bfloat16.",
            next_step="Choose the precision float16 or float32.",
            code=ErrorCode.BAD_INPUT,
        )
    if asked is not Precision.AUTO:
        return asked
    if device.type == "cpu":
        return Precision.FLOAT32
    return Precision.BFLOAT16 if _has_bfloat16() else Precision.FLOAT16


def _has_bfloat16() -> bool:
    """Return whether the card itself computes in bfloat16: a card before 2020 only imitates it.

    Attention in an imitated format takes a number for every pair of tokens: 86 GB at 832x480.
    """
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def torch_dtype(precision: Precision) -> torch.dtype:
    """Return torch's name of a number format; AUTO has none (KeyError)."""
    return _DTYPES[precision]


def compute_float32_in_full() -> None:
    """Let cards multiply float32 numbers with all their bits: by default convolutions take ten of 23."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def device_name(device: torch.device) -> str:
    """Return a device's name for people and for a take's record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"


def release_cached_memory(device: torch.device) -> None:
    """Give back to the device what the allocator holds but no tensor uses."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def peak_memory_bytes(device: torch.device) -> int | None:
    """Return the most memory tensors took since `reset_peak_memory`; None where the device does not count."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def peak_held_bytes(device: torch.device) -> int | None:
    """Return the most that a card's allocator held since then, its gaps among it; None as above."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None


def reset_peak_memory(device: torch.device) -> None:
    """Count both peaks from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def wait_for(device: torch.device) -> None:
    """Wait until everything given to the device is done: before a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def limit_this_process(device: torch.device, limit_bytes: int | None) -> None:
    """Let tensors of this process take no more of a card than a limit; with None all there is.

    Under Windows no more than is free now in any case: it lends a full card the host's memory without a word,
    and a render would go on many times slower. So memory runs out there too, and a smaller plan follows.
    """
    if device.type != "cuda":
        return
    free_bytes, total_bytes = torch.cuda.mem_get_info(device)
    if is_driven_by_windows():
        there_bytes = max(free_bytes + torch.cuda.memory_reserved(device) - _LEFT_FOR_KERNELS_BYTES, 0)
        limit_bytes = there_bytes if limit_bytes is None else min(limit_bytes, there_bytes)
    if limit_bytes is not None:
        torch.cuda.set_per_process_memory_fraction(min(limit_bytes / total_bytes, 1.0), device)


def is_driven_by_windows() -> bool:
    """Whether Windows decides over a card's memory and what is pinned: also under its subsystem for Linux."""
    return sys.platform == "win32" or "microsoft" in platform.release().lower()
