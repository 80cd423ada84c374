"""The memory plan of a render: the fastest of all that fit a machine, at a given quality.

A plan is searched for, not computed: every combination of a few settings is weighed, which is exact, quick
and the same every time. Of those equally fast the one with less memory is taken.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from engine.planning.advice import refusal
from engine.planning.duration import Durations
from engine.planning.machine import Machine
from engine.planning.nominal_rates import filled_rates
from engine.planning.phase_memory import PhaseMemory
from engine.planning.plan_choice import PlanChoice
from engine.planning.plan_limits import (
    LADDER,
    device_budget,
    host_budget,
    plan_limits,
    tiles_at_most,
)
from engine.planning.workload import Workload
from engine.protocol.memory_plan import (
    BankPlace,
    Concession,
    EncoderPlace,
    HostPlace,
    MemoryPlan,
    NoPlan,
    PhaseNeed,
    PlanPhase,
)

_SLOTS = (2, 1)
_VAE_PHASES = (PlanPhase.PLATE_LATENTS, PlanPhase.DECODING)


def plan_render(
    machine: Machine, workload: Workload, *, concession: Concession = Concession.NONE
) -> MemoryPlan | NoPlan:
    """Return the fastest plan that gives up so much and fits, or why there is none."""
    found = PlanSearch(machine, workload, concession).best()
    return refusal(machine, workload, concession, _fits) if found is None else found


def best_plan(
    machine: Machine, workload: Workload, *, at_least: Concession = Concession.NONE
) -> MemoryPlan | NoPlan:
    """Return the plan of the first rung of the ladder, from `at_least` on, on which one fits."""
    for concession in LADDER[LADDER.index(at_least) :]:
        found = PlanSearch(machine, workload, concession).best()
        if found is not None:
            return found
    return refusal(machine, workload, at_least, _fits)


def next_concession(
    machine: Machine, workload: Workload, failed: MemoryPlan, phase: PlanPhase
) -> Concession | None:
    """Return the first rung behind a plan's own whose plan takes less in the phase that ran out of memory.

    None at the ladder's end.
    """
    before = {need.phase: need.device_bytes for need in failed.phases}.get(phase, failed.peak_bytes)
    for concession in LADDER[LADDER.index(failed.concession) + 1 :]:
        found = PlanSearch(machine, workload, concession).best()
        if found is None:
            continue
        after = {need.phase: need.device_bytes for need in found.phases}.get(phase, found.peak_bytes)
        if after < before:
            return concession
    return None


def _fits(machine: Machine, workload: Workload, concession: Concession) -> bool:
    """Whether any plan that gives up so much fits; the last rung, most likely of all, is tried first."""
    rungs = LADDER[LADDER.index(concession) :]
    return any(PlanSearch(machine, workload, rung).best() is not None for rung in reversed(rungs))


def spread(count: int, blocks: int) -> tuple[int, ...]:
    """Return `count` of the numbers of `blocks` blocks, as evenly as they can lie."""
    return tuple((2 * number + 1) * blocks // (2 * count) for number in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the encoders of text and picture run."""

    text: EncoderPlace
    image: EncoderPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    """A choice that fits. `cost`: what to compare by: seconds, the most bytes on the device, those of all
    phases, those on the host.
    """

    choice: PlanChoice
    places: _Places
    needs: Mapping[PlanPhase, int]
    seconds: Mapping[PlanPhase, float]
    host_bytes: int
    cost: tuple[float, int, int, int]


class PlanSearch:
    """All plans of a workload on a machine that give up so much."""

    def __init__(self, machine: Machine, workload: Workload, concession: Concession) -> None:
        self._machine = machine
        self._workload = workload
        self._concession = concession
        self._is_processor = machine.identity.is_processor
        self._limits = plan_limits(machine, workload, concession)
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
        return min(self._budget, self._host - self._memory.process_and_held(choice)) - beside

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

    def _releases(self) -> tuple[bool, ...]:
        return (True,) if self._limits.smaller_tiles and not self._is_processor else (False, True)

    def _tiles(self) -> tuple[int | None, ...]:
        return tiles_at_most(self._widest_tile(), self._workload, smaller=self._limits.smaller_tiles)

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
        phases = self._memory.phases(choice, text=EncoderPlace.PROCESSOR, image=EncoderPlace.PROCESSOR)
        return max(phases[phase] for phase in _VAE_PHASES)

    def _weighed(self, choice: PlanChoice) -> _Weighed | None:
        """Return what a choice takes and costs, None where it does not fit."""
        if not self._can_wait(choice):
            return None
        places = self._encoders(choice)
        needs = self._memory.phases(choice, text=places.text, image=places.image)
        host = self._memory.host(choice, needs)
        if max(needs.values()) > self._budget or host > self._host:
            return None
        seconds = self._time.phases(choice, text=places.text, image=places.image)
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

    def _encoders(self, choice: PlanChoice) -> _Places:
        """Return the first place in which each encoder fits: the device, layer by layer, the processor."""
        if self._is_processor:
            return _Places(text=EncoderPlace.DEVICE, image=EncoderPlace.DEVICE)
        places = (EncoderPlace.DEVICE, EncoderPlace.STREAMED)
        text = [place for place in places if self._memory.text_encoder(choice, place) <= self._budget]
        image = [place for place in places if self._memory.image_encoder(choice, place) <= self._budget]
        return _Places(
            text=next(iter(text), EncoderPlace.PROCESSOR), image=next(iter(image), EncoderPlace.PROCESSOR)
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
            concession=self._concession,
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
        )
