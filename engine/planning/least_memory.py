"""The least memory a render can do with: everything given up that a plan can give up."""

from dataclasses import dataclass

from engine.planning.machine import Machine
from engine.planning.phase_memory import PhaseMemory
from engine.planning.plan_choice import EncoderPlaces, PlanChoice
from engine.planning.plan_limits import LADDER, PIECES, plan_limits, tiles_at_most
from engine.planning.workload import Workload
from engine.protocol.memory_plan import EncoderPlace, HostPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastMemory:
    """Bytes on the device, and of the host with them."""

    device_bytes: int
    host_bytes: int


def least_memory(machine: Machine, workload: Workload) -> LeastMemory:
    """Return what the most frugal plan takes: one slot, no residents, the disk behind it."""
    limits = plan_limits(machine, workload, LADDER[-1])
    on_processor = machine.identity.is_processor
    memory = PhaseMemory(workload, on_processor=on_processor, threads=machine.identity.cores)
    choice = PlanChoice(
        segment=limits.segment,
        precision=limits.precision,
        storage=limits.storage,
        token_precision=limits.token_precision,
        piece_tokens=PIECES[-1],
        tile_latents=tiles_at_most(None, workload, smaller=False)[-1],
        releases_blocks=True,
        bank_place=limits.bank_places[-1],
        host_place=HostPlace.DISK,
        residents=0,
        slots=1,
    )
    place = EncoderPlace.DEVICE if on_processor else EncoderPlace.PROCESSOR
    places = EncoderPlaces.all_in(place)
    phases = memory.phases(choice, places)
    return LeastMemory(device_bytes=max(phases.values()), host_bytes=memory.host(choice, places, phases))
