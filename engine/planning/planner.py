"""The memory plan of a render, and the ladder of plans that take less and less."""

from collections.abc import Iterator
from dataclasses import replace

from engine.planning.advice import refusal
from engine.planning.machine import Machine
from engine.planning.plan_limits import LADDER, SMALLEST_TILE, TILES
from engine.planning.plan_search import PlanSearch
from engine.planning.step_down import NextStep
from engine.planning.workload import Workload
from engine.protocol.memory_plan import Concession, EncoderPlace, MemoryPlan, NoPlan, PlanPhase

__all__ = ["NextStep", "best_plan", "next_step", "plan_render"]

LEAST_SAVED_SHARE, LEAST_SAVED_BYTES = 0.05, 256_000_000
"""How much less the phase that failed takes after a step: the greater of both on a card, where its allocator
loses as much between tensors. The bytes count from `COUNTED_FROM_BYTES` on."""
COUNTED_FROM_BYTES = 1_000_000_000

_VAE_PHASES = (PlanPhase.PLATE_LATENTS, PlanPhase.DECODING)
_TIME_ALONE = LADDER[: LADDER.index(Concession.SMALLER_TILES) + 1]
_PLACES = tuple(EncoderPlace)


def plan_render(
    machine: Machine, workload: Workload, *, concession: Concession = Concession.NONE
) -> MemoryPlan | NoPlan:
    """Return the fastest plan that gives up so much and fits, or why there is none."""
    step = NextStep(concession=concession)
    found = PlanSearch(machine, workload, step).best()
    return refusal(machine, workload, step, _fits, rungs=(concession,)) if found is None else found


def best_plan(
    machine: Machine,
    workload: Workload,
    *,
    at_least: Concession = Concession.NONE,
    encoders: EncoderPlace = EncoderPlace.DEVICE,
    tile_at_most: int | None = None,
) -> MemoryPlan | NoPlan:
    """Return the plan of the first rung of the ladder, from `at_least` on, on which one fits.

    No encoder runs nearer to the device than `encoders`; no tile of the VAE's is wider than `tile_at_most`
    latents, nor is a picture that is not cut.
    """
    least = NextStep(concession=at_least, encoders=encoders, tile_at_most=tile_at_most)
    rungs = LADDER[LADDER.index(at_least) :]
    for concession in rungs:
        found = PlanSearch(machine, workload, replace(least, concession=concession)).best()
        if found is not None:
            return found
    return refusal(machine, workload, least, _fits, rungs=rungs)


def next_step(machine: Machine, workload: Workload, failed: MemoryPlan, phase: PlanPhase) -> NextStep | None:
    """Return the next step down after a phase of a plan ran out of memory, for `best_plan`'s keywords.

    It is the first whose plan fits and takes notably less in that phase. An encoder goes one place further
    from the device. For the VAE first what costs time alone is given up, then tiles get smaller, down to
    SMALLEST_TILE: finished latents are never thrown away for it. Denoising and what comes before it goes
    down the rungs. None at the ladder's end.
    """
    before = _need(failed, phase)
    for step in _steps_below(workload, failed, phase):
        found = PlanSearch(machine, workload, step).best()
        if found is not None and before - _need(found, phase) >= _least_saved(machine, before):
            return step
    return None


def _steps_below(workload: Workload, failed: MemoryPlan, phase: PlanPhase) -> Iterator[NextStep]:
    """Yield what may help in a phase, from cheap to dear; each gives up more than the plan did."""
    so_far = NextStep(
        concession=failed.concession, encoders=failed.encoders, tile_at_most=failed.tile_at_most
    )
    place = _encoder_places(failed).get(phase)
    if place is not None:
        for further in _PLACES[_PLACES.index(place) + 1 :]:
            yield replace(so_far, encoders=further)
        return
    for concession in LADDER[LADDER.index(failed.concession) + 1 :]:
        if phase not in _VAE_PHASES or concession in _TIME_ALONE:
            yield replace(so_far, concession=concession)
    if phase in _VAE_PHASES:
        tiled = max(failed.concession, Concession.SMALLER_TILES, key=LADDER.index)
        for tile in _tiles_below(workload, failed):
            yield replace(so_far, concession=tiled, tile_at_most=tile)


def _tiles_below(workload: Workload, failed: MemoryPlan) -> list[int]:
    """Return the sides of tiles to try next: half of what there was and less."""
    side = failed.tile_latents or max(workload.latents)
    return [tile for tile in TILES if tile < side and tile <= max(side // 2, SMALLEST_TILE)]


def _encoder_places(plan: MemoryPlan) -> dict[PlanPhase, EncoderPlace]:
    return {
        PlanPhase.PROMPT: plan.text_encoder,
        PlanPhase.PLATE_PICTURE: plan.image_encoder,
        PlanPhase.SPEECH: plan.speech_encoder,
    }


def _need(plan: MemoryPlan, phase: PlanPhase) -> int:
    return {need.phase: need.device_bytes for need in plan.phases}.get(phase, plan.peak_bytes)


def _least_saved(machine: Machine, before_bytes: int) -> float:
    share = LEAST_SAVED_SHARE * before_bytes
    if machine.identity.is_processor or before_bytes < COUNTED_FROM_BYTES:
        return share
    return max(share, LEAST_SAVED_BYTES)


def _fits(machine: Machine, workload: Workload, step: NextStep) -> bool:
    """Whether any plan that gives up so much fits; the last rung, most likely of all, is tried first."""
    rungs = LADDER[LADDER.index(step.concession) :]
    return any(
        PlanSearch(machine, workload, replace(step, concession=rung)).fits() for rung in reversed(rungs)
    )
