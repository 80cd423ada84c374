"""What a machine is taken for where its speed was not measured: to choose among plans, never to be told."""

from dataclasses import dataclass, replace

from engine.planning.machine import MachineRates
from engine.protocol.diffusion_settings import Precision

_PINNED, _PAGEABLE, _DISK = 12e9, 4e9, 1e9
_PRODUCTS, _ATTENTION, _FLOAT32 = 4e13, 3e13, 1e13


UNMEASURED = MachineRates(
    pinned_bytes_per_s=0.0,
    pageable_bytes_per_s=0.0,
    disk_bytes_per_s=0.0,
    product_flop_per_s={},
    attention_flop_per_s={},
    pinnable_bytes=0,
    has_eight_bit=True,
)
"""Of a processor that nobody has measured yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledRates:
    """Rates without gaps. `knows_steps`: whether those of steps were measured; `knows_all`: others too."""

    rates: MachineRates
    knows_steps: bool
    knows_all: bool


def filled_rates(rates: MachineRates, precision: Precision) -> FilledRates:
    """Return measured rates with nominal ones in their gaps."""
    products, attention = rates.product_flop_per_s, rates.attention_flop_per_s
    steps = (
        products.get(precision, 0.0),
        attention.get(precision, 0.0),
        rates.pageable_bytes_per_s,
        rates.disk_bytes_per_s,
    )
    others = products.get(Precision.FLOAT32, 0.0)
    knows_steps = all(rate > 0 for rate in steps)
    filled = replace(
        rates,
        pinned_bytes_per_s=rates.pinned_bytes_per_s or (_PINNED if rates.pinnable_bytes else 0.0),
        pageable_bytes_per_s=rates.pageable_bytes_per_s or _PAGEABLE,
        disk_bytes_per_s=rates.disk_bytes_per_s or _DISK,
        product_flop_per_s={
            Precision.FLOAT32: others or _FLOAT32,
            precision: steps[0] or (_FLOAT32 if precision is Precision.FLOAT32 else _PRODUCTS),
        },
        attention_flop_per_s={precision: steps[1] or _ATTENTION},
    )
    return FilledRates(rates=filled, knows_steps=knows_steps, knows_all=knows_steps and others > 0)
