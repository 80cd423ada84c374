"""What a plan has to know of a machine: what it is and how fast (measured once), and what is free now.

Bytes and seconds; rates are per second. `engine.memory.probe` measures; here are only the records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from engine.protocol.diffusion_settings import Precision

BUSY_SHARE = 0.2
"""Where other programs use so much of the processor, rates are noticeably lower than the machine's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineIdentity:
    """What must be the same for measured rates to hold: hardware, and the software that drives it.

    `device` is the name of the card, or "processor" where the processor computes; `device_bytes` its memory
    in all (the host's, for the processor). `software`: versions of torch and of the card's driver.
    """

    device: str
    is_processor: bool
    device_bytes: int
    host_bytes: int
    cores: int
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRates:
    """What was measured on a machine.

    `pinned_bytes_per_s` and `pageable_bytes_per_s`: from host memory to the device (the former 0 where no
    memory can be pinned); `disk_bytes_per_s`: from the disk of the engine's cache to host memory, unread
    before. `product_flop_per_s`: matrix products, by number format of the arithmetic; `attention_flop_per_s`:
    scaled dot products. `pinnable_bytes`: how much host memory may be pinned. `has_eight_bit`: whether the
    device converts float8 numbers. `measured_at`, and `others_share`: how much of the processor other
    programs used meanwhile, from 0 to 1; None where nobody noted it.
    """

    pinned_bytes_per_s: float
    pageable_bytes_per_s: float
    disk_bytes_per_s: float
    product_flop_per_s: Mapping[Precision, float]
    attention_flop_per_s: Mapping[Precision, float]
    pinnable_bytes: int
    has_eight_bit: bool
    measured_at: datetime | None = None
    others_share: float | None = None

    @property
    def of_busy_machine(self) -> bool:
        """Whether other programs were busy meanwhile: left to itself the machine is faster."""
        return self.others_share is not None and self.others_share >= BUSY_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNow:
    """What is free now. `others_bytes`: what other programs use of the device.

    `limit_bytes`: the most of the device that Masque may use, where the user has set it. On the processor the
    device's memory is the host's. `disk_free_bytes`: what blocks may take on the disk of the engine's cache,
    those there already among it; None where nobody knows.
    """

    device_total_bytes: int
    device_free_bytes: int
    others_bytes: int
    host_total_bytes: int
    host_free_bytes: int
    limit_bytes: int | None = None
    disk_free_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine as a plan sees it."""

    identity: MachineIdentity
    rates: MachineRates
    now: MemoryNow

    def with_host_share(self, share: float) -> "Machine":
        """Return the machine with a share of its free host memory, which is the processor's device too."""
        now = replace(self.now, host_free_bytes=round(self.now.host_free_bytes * share))
        if self.identity.is_processor:
            now = replace(now, device_free_bytes=round(now.device_free_bytes * share))
        return replace(self, now=now)
