"""How much memory a plan may use, and which settings each rung of the ladder leaves it."""

from dataclasses import dataclass

from engine.planning.machine import Machine
from engine.planning.number_formats import NUMBER_BYTES
from engine.planning.shot_cutting import SegmentLoad
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import BankPlace, Concession, WeightStorage

LADDER = tuple(Concession)

CARD_RESERVE_BYTES, CARD_RESERVE_SHARE = 256 * 2**20, 0.03
"""Of a card: what its allocator loses between tensors, and what the driver takes beside them."""
PROCESSOR_RESERVE_SHARE = 0.02
HOST_RESERVE_SHARE = 0.05
"""Of free host memory: for what else the system begins meanwhile."""

DISK_RESERVE_BYTES = 10**9
"""Of the disk that blocks wait on: for conditions, checkpoints and finished frames."""

PIECES = (8192, 4096, 2048, 1024, 512)
SMALLER_PIECES = 2048
TILES = (96, 64, 48, 32, 24, 16)
SMALLEST_TILE = 16


def device_budget(machine: Machine) -> int:
    """Return how many bytes of tensors a plan may have on the device: what is free, or the user's limit."""
    now = machine.now
    free = now.device_free_bytes if now.limit_bytes is None else min(now.device_free_bytes, now.limit_bytes)
    if machine.identity.is_processor:
        return max(0, int(free * (1 - PROCESSOR_RESERVE_SHARE)))
    return max(0, int(free * (1 - CARD_RESERVE_SHARE)) - CARD_RESERVE_BYTES)


def host_budget(machine: Machine) -> int:
    """Return how much host memory the render's process may take."""
    return int(machine.now.host_free_bytes * (1 - HOST_RESERVE_SHARE))


def compute_precision(machine: Machine, asked: Precision) -> Precision:
    """Return the number format of the arithmetic: as asked, else what the device does best.

    A card does bfloat16 unless it was measured and has only float16.
    """
    if asked is not Precision.AUTO:
        return asked
    if machine.identity.is_processor:
        return Precision.FLOAT32
    measured = machine.rates.product_flop_per_s
    narrow = Precision.FLOAT16 in measured and Precision.BFLOAT16 not in measured
    return Precision.FLOAT16 if narrow else Precision.BFLOAT16


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLimits:
    """What a rung leaves: `residents_halved`, `no_residents` bound the blocks that stay on the device.

    `smaller_tiles`: tiles at most half as wide as memory allows, with the blocks released for the VAE.
    """

    segment: SegmentLoad
    precision: Precision
    storage: WeightStorage
    token_precision: Precision
    pieces: tuple[int, ...]
    bank_places: tuple[BankPlace, ...]
    residents_halved: bool
    no_residents: bool
    smaller_tiles: bool


def plan_limits(machine: Machine, workload: Workload, concession: Concession) -> PlanLimits:
    """Return what a plan may still choose that gives up so much, and all before it."""

    def gives_up(rung: Concession) -> bool:
        return LADDER.index(concession) >= LADDER.index(rung)

    precision = compute_precision(machine, workload.precision)
    places = (BankPlace.DEVICE,) if machine.identity.is_processor else (BankPlace.DEVICE, BankPlace.HOST)
    eight_bit = gives_up(Concession.EIGHT_BIT_WEIGHTS) and machine.rates.has_eight_bit
    shorter = gives_up(Concession.SHORTER_SEGMENTS) + gives_up(Concession.SHORTEST_SEGMENTS)
    return PlanLimits(
        segment=workload.segments[min(shorter, len(workload.segments) - 1)],
        precision=precision,
        storage=WeightStorage.EIGHT_BIT if eight_bit else WeightStorage.FULL,
        token_precision=_narrower(precision) if gives_up(Concession.NARROW_TOKENS) else Precision.FLOAT32,
        pieces=tuple(
            piece for piece in PIECES if piece <= SMALLER_PIECES or not gives_up(Concession.SMALLER_PIECES)
        ),
        bank_places=places[-1:] if gives_up(Concession.BANK_ON_HOST) else places,
        residents_halved=gives_up(Concession.FEWER_RESIDENT_BLOCKS),
        no_residents=gives_up(Concession.NO_RESIDENT_BLOCKS),
        smaller_tiles=gives_up(Concession.SMALLER_TILES),
    )


def _narrower(precision: Precision) -> Precision:
    return precision if NUMBER_BYTES[precision] < NUMBER_BYTES[Precision.FLOAT32] else Precision.FLOAT32


def tiles_at_most(side: int | None, workload: Workload, *, smaller: bool) -> tuple[int | None, ...]:
    """Return the tiles' sides to try, the widest first, None for whole pictures.

    `side`: the widest that memory allows; `smaller`: no more than half of that.
    """
    longest = max(workload.latent_rows, workload.latent_columns)
    sides = [tile for tile in TILES if tile < longest]
    if not smaller:
        return (None, *sides) if side is None else tuple(tile for tile in sides if tile <= side)
    half = (longest if side is None else side) // 2
    return tuple(tile for tile in sides if tile <= max(half, SMALLEST_TILE)) or (side,)
