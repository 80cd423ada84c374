"""The search for the fastest memory plan that fits a machine, at a given quality.

A plan is searched for, not computed: every combination of a few settings is weighed, which is exact, quick
and the same every time. Of those equally fast the one with less memory is taken.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from engine.planning.duration import Durations
from engine.planning.machine import Machine
from engine.planning.nominal_rates import filled_rates
from engine.planning.phase_memory import PhaseMemory
from engine.planning.plan_choice import EncoderPlaces, PlanChoice
from engine.planning.plan_limits import (
    DISK_RESERVE_BYTES,
    device_budget,
    host_budget,
    plan_limits,
    tiles_at_most,
)
from engine.planning.step_down import NextStep
from engine.planning.workload import Workload
from engine.protocol.memory_plan import (
    BankPlace,
    EncoderPlace,
    HostPlace,
    MemoryPlan,
    PhaseNeed,
    PlanPhase,
)

_SLOTS = (2, 1)
_ENCODER_PLACES = tuple(EncoderPlace)
_VAE_PHASES = (PlanPhase.PLATE_LATENTS, PlanPhase.DECODING)


def spread(count: int, blocks: int) -> tuple[int, ...]:
    """Return `count` of the numbers of `blocks` blocks, as evenly as they can lie."""
    return tuple((2 * number + 1) * blocks // (2 * count) for number in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    """A choice that fits. `cost`: what to compare by: seconds, the most bytes on the device, those of all
    phases, those on the host.
    """

    choice: PlanChoice
    places: EncoderPlaces
    needs: Mapping[PlanPhase, int]
    seconds: Mapping[PlanPhase, float]
    host_bytes: int
    cost: tuple[float, int, int, int]


class PlanSearch:
    """All plans of a workload on a machine that give up so much."""

    def __init__(self, machine: Machine, workload: Workload, step: NextStep) -> None:
        self._machine = machine
        self._workload = workload
        self._step = step
        self._is_processor = machine.identity.is_processor
        self._limits = plan_limits(machine, workload, step.concession)
        self._budget, self._host = device_budget(machine), host_budget(machine)
        self._blocks = workload.sizes.transformer.blocks
        cores = machine.identity.cores
        self._memory = PhaseMemory(workload, on_processor=self._is_processor, threads=cores)
        self._filled = filled_rates(machine.rates, self._limits.precision)
        self._time = Durations(workload, self._memory, self._filled.rates, on_processor=self._is_processor)

    def best(self) -> MemoryPlan | None:
        """Return the fastest plan that fits, None where none does.

        A single slot, with which nothing goes on side by side, is for where two do not fit.
        """
        for slots in _SLOTS:
            fitting = [each for choice in self._choices(slots) if (each := self._weighed(choice)) is not None]
            if fitting:
                return self._plan(min(fitting, key=lambda each: each.cost))
        return None

    def fits(self) -> bool:
        """Whether any plan fits: as `best`, which has to weigh them all, but the first one tells."""
        return any(self._weighed(choice) is not None for slots in _SLOTS for choice in self._choices(slots))

    def _choices(self, slots: int) -> Iterator[PlanChoice]:
        """Yield one choice for each combination, with as many residents as fit."""
        limits = self._limits
        for piece, tile, releases, bank, place in product(
            self._pieces(), self._tiles(), self._releases(), limits.bank_places, self._host_places()
        ):
            choice = PlanChoice(
                segment=limits.segment,
                precision=limits.precision,
                storage=limits.storage,
                token_precision=limits.token_precision,
                piece_tokens=piece,
                tile_latents=tile,
                releases_blocks=releases,
                bank_place=bank,
                host_place=place,
                residents=0,
                slots=slots,
            )
            yield from self._with_residents(choice)

    def _pieces(self) -> tuple[int, ...]:
        """Return the pieces to try; of those that hold all tokens the smallest will do."""
        tokens, pieces = self._workload.tokens(self._limits.segment), self._limits.pieces
        smaller = tuple(piece for piece in pieces if piece < tokens)
        return (*pieces[: len(pieces) - len(smaller)][-1:], *smaller)

    def _with_residents(self, choice: PlanChoice) -> Iterator[PlanChoice]:
        """Yield the choice with as many residents as fit: all of them without slots, else fewer with them."""
        room = self._room(choice) // self._memory.block(choice)
        most = min(self._blocks, room)
        if most < 0:
            return
        if self._limits.no_residents:
            most = 0
        elif self._limits.residents_halved:
            most //= 2
        if most == self._blocks:
            yield replace(choice, residents=most, slots=0)
            return
        most = min(most, room - choice.slots)
        for residents in self._worth_trying(choice, most):
            slots = min(choice.slots, self._blocks - residents)
            yield replace(choice, residents=residents, slots=slots)

    def _room(self, choice: PlanChoice) -> int:
        """Return the bytes that are left for blocks on the device; for the processor both bounds hold."""
        beside = max(self._memory.beside_blocks(choice).values())
        if not self._is_processor:
            return self._budget - beside
        needs = self._memory.beside_blocks(choice)
        loading = needs[PlanPhase.KEYS_AND_VALUES] + self._memory.loading(choice)
        host = self._host - self._memory.process_and_held(choice)
        return min(self._budget - beside, host - max(beside, loading))

    def _worth_trying(self, choice: PlanChoice, most: int) -> list[int]:
        """Return how many residents to try: as many as fit.

        Where they are released for the VAE each costs a copy for every piece, so it may pay to have fewer:
        the time is least at one end, or where a copy is just hidden by the arithmetic, or where the rest can
        just be pinned.
        """
        if most <= 0 or not choice.releases_blocks:
            return [most] if most >= 0 else []
        return sorted({0, most, *(count for count in self._time.turning_points(choice) if 0 < count < most)})

    def _host_places(self) -> tuple[HostPlace, ...]:
        if self._is_processor:
            return HostPlace.PAGEABLE, HostPlace.DISK
        return tuple(HostPlace)

    def _has_room_on_disk(self, choice: PlanChoice) -> bool:
        needed, free = self._memory.on_disk(choice), self._machine.now.disk_free_bytes
        return not needed or free is None or needed + DISK_RESERVE_BYTES <= free

    def _releases(self) -> tuple[bool, ...]:
        return (True,) if self._limits.smaller_tiles and not self._is_processor else (False, True)

    def _tiles(self) -> tuple[int | None, ...]:
        tiles = tiles_at_most(self._widest_tile(), self._workload, smaller=self._limits.smaller_tiles)
        most = self._step.tile_at_most
        if most is None or max(self._workload.latents) <= most:
            return tiles
        return tuple(tile for tile in tiles if tile is not None and tile <= most) or tiles[-1:]

    def _widest_tile(self) -> int | None:
        """Return the widest tile for which the VAE has room without the blocks: None for whole pictures."""
        tried = tiles_at_most(None, self._workload, smaller=False)
        return next((tile for tile in tried if self._vae_bytes(tile) <= self._budget), tried[-1])

    def _vae_bytes(self, tile: int | None) -> int:
        limits = self._limits
        choice = PlanChoice(
            segment=limits.segment,
            precision=limits.precision,
            storage=limits.storage,
            token_precision=limits.token_precision,
            piece_tokens=limits.pieces[-1],
            tile_latents=tile,
            releases_blocks=True,
            bank_place=limits.bank_places[-1],
            host_place=HostPlace.PAGEABLE,
            residents=0,
            slots=1,
        )
        phases = self._memory.phases(choice, EncoderPlaces.all_in(EncoderPlace.PROCESSOR))
        return max(phases[phase] for phase in _VAE_PHASES)

    def _weighed(self, choice: PlanChoice) -> _Weighed | None:
        """Return what a choice takes and costs, None where it does not fit."""
        if not self._can_wait(choice) or not self._has_room_on_disk(choice):
            return None
        places = self._encoders(choice)
        needs = self._memory.phases(choice, places)
        host = self._memory.host(choice, places, needs)
        if max(needs.values()) > self._budget or host > self._host:
            return None
        seconds = self._time.phases(choice, places)
        cost = (sum(seconds.values()), max(needs.values()), sum(needs.values()), host)
        return _Weighed(
            choice=choice, places=places, needs=needs, seconds=seconds, host_bytes=host, cost=cost
        )

    def _can_wait(self, choice: PlanChoice) -> bool:
        """Whether the host has the kind of memory that a choice streams from."""
        rates = self._machine.rates
        if self._is_processor:
            streams = choice.residents < self._blocks
            if streams != (choice.host_place is HostPlace.DISK):
                return False
            return streams or not choice.releases_blocks
        if choice.host_place is not HostPlace.PINNED:
            return True
        streams = choice.residents < self._blocks or choice.bank_place is BankPlace.HOST
        return not streams or 0 < self._memory.streamed_on_host(choice) <= rates.pinnable_bytes

    def _encoders(self, choice: PlanChoice) -> EncoderPlaces:
        """Return the first place in which each encoder fits: the device, layer by layer, the processor."""
        if self._is_processor:
            return EncoderPlaces.all_in(EncoderPlace.DEVICE)
        memory = self._memory

        def first_fit(need: Callable[[EncoderPlace], int]) -> EncoderPlace:
            allowed = _ENCODER_PLACES[_ENCODER_PLACES.index(self._step.encoders) :]
            fitting = (place for place in allowed if need(place) <= self._budget)
            return next(fitting, EncoderPlace.PROCESSOR)

        return EncoderPlaces(
            text=first_fit(partial(memory.text_encoder, choice)),
            image=first_fit(partial(memory.image_encoder, choice)),
            speech=first_fit(memory.speech_encoder),
        )

    def _plan(self, found: _Weighed) -> MemoryPlan:
        choice, filled = found.choice, self._filled
        step = self._time.longest_step(choice)
        return MemoryPlan(
            device=self._machine.identity.device,
            device_budget_bytes=self._budget,
            host_budget_bytes=self._host,
            precision=choice.precision,
            storage=choice.storage,
            block_count=self._blocks,
            resident_blocks=spread(choice.residents, self._blocks),
            slots=choice.slots,
            host_place=choice.host_place,
            bank_place=choice.bank_place,
            piece_tokens=choice.piece_tokens,
            token_precision=choice.token_precision,
            tile_latents=choice.tile_latents,
            text_encoder=found.places.text,
            image_encoder=found.places.image,
            segment_frames=choice.segment.segment_frames,
            concession=self._step.concession,
            phases=tuple(
                PhaseNeed(
                    phase=phase,
                    device_bytes=needed,
                    seconds=found.seconds[phase] if filled.knows_all else 0.0,
                )
                for phase, needed in found.needs.items()
            ),
            host_bytes=found.host_bytes,
            seconds_per_step=step.seconds if filled.knows_steps else None,
            seconds=sum(found.seconds.values()) if filled.knows_all else None,
            bottleneck=step.bottleneck,
            releases_blocks=choice.releases_blocks,
            speech_encoder=found.places.speech,
            encoders=self._step.encoders,
            tile_at_most=self._step.tile_at_most,
            loading_seconds=self._loading(found) if filled.knows_all else None,
        )

    def _loading(self, found: _Weighed) -> float:
        return sum(seconds for phase, seconds in self._time.loading().items() if phase in found.seconds)
