"""How much of the processor other programs use: what is measured meanwhile is too low."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorTimes:
    """Seconds that have gone by, counted over all processors; differences of two readings tell something.

    `all_s`: busy and idle; `busy_s`: of any program; `own_s`: of this process.
    """

    all_s: float
    busy_s: float
    own_s: float


ReadTimes = Callable[[], ProcessorTimes]


def processor_times() -> ProcessorTimes:
    """Return what the processors have done since the machine started."""
    times = psutil.cpu_times()._asdict()
    for counted_twice in ("guest", "guest_nice"):  # Linux has them in `user` and `nice` too
        times.pop(counted_twice, None)
    idle = times.pop("idle") + times.pop("iowait", 0.0)
    own = psutil.Process().cpu_times()
    return ProcessorTimes(
        all_s=idle + sum(times.values()), busy_s=sum(times.values()), own_s=own.user + own.system
    )


def others_share(before: ProcessorTimes, after: ProcessorTimes) -> float:
    """Return how much of all processors other programs used between two readings, from 0 to 1."""
    gone_s = after.all_s - before.all_s
    others_s = after.busy_s - before.busy_s - (after.own_s - before.own_s)
    return min(1.0, max(0.0, others_s / gone_s)) if gone_s > 0 else 0.0


def others_share_now() -> float:
    """Return what other programs use of the processors over half a second."""
    before = processor_times()
    time.sleep(_LOOK_S)
    return others_share(before, processor_times())
