"""The least memory a render can do with: everything given up that a plan can give up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from engine.planning.machine import Machine
from engine.planning.phase_memory import PhaseMemory
from engine.planning.plan_choice import EncoderPlaces, PlanChoice
from engine.planning.plan_limits import PlanLimits, device_budget, host_budget, plan_limits, tiles_at_most
from engine.planning.workload import Workload
from engine.protocol.memory_plan import Concession, EncoderPlace, HostPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastMemory:
    """Bytes on the device, of the host with them, and of the disk where blocks wait there."""

    device_bytes: int
    host_bytes: int
    disk_bytes: int


def least_memory(machine: Machine, workload: Workload, rungs: Sequence[Concession]) -> LeastMemory:
    """Return what the most frugal plan of these rungs takes: the one that a machine lacks least for.

    One slot, no residents, the disk behind it; or, where the processor computes, all blocks in memory, which
    is less where there are few. The last rung need not be the most frugal: 8-bit weights are widened there.
    """
    budget, host = device_budget(machine), host_budget(machine)

    def lacking(least: LeastMemory) -> tuple[int, int]:
        lacks = max(0, least.device_bytes - budget) + max(0, least.host_bytes - host)
        return lacks, least.device_bytes

    limits = [plan_limits(machine, workload, rung) for rung in rungs]
    return min((found for each in limits for found in _frugal(machine, workload, each)), key=lacking)


def _frugal(machine: Machine, workload: Workload, limits: PlanLimits) -> Iterator[LeastMemory]:
    on_processor = machine.identity.is_processor
    memory = PhaseMemory(workload, on_processor=on_processor, threads=machine.identity.cores)
    places = EncoderPlaces.all_in(EncoderPlace.DEVICE if on_processor else EncoderPlace.PROCESSOR)
    blocks = workload.sizes.transformer.blocks
    waiting = [(HostPlace.DISK, 0)] + ([(HostPlace.PAGEABLE, blocks)] if on_processor else [])
    for bank, (host_place, residents) in product(limits.bank_places, waiting):
        choice = PlanChoice(
            segment=limits.segment,
            precision=limits.precision,
            storage=limits.storage,
            token_precision=limits.token_precision,
            piece_tokens=limits.pieces[-1],
            tile_latents=tiles_at_most(None, workload, smaller=False)[-1],
            releases_blocks=residents == 0,
            bank_place=bank,
            host_place=host_place,
            residents=residents,
            slots=1 if residents == 0 else 0,
        )
        phases = memory.phases(choice, places)
        yield LeastMemory(
            device_bytes=max(phases.values()),
            host_bytes=memory.host(choice, places, phases),
            disk_bytes=memory.on_disk(choice),
        )
