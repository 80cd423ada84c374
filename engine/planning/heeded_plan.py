"""The plan of a render that heeds what this machine has learnt: made alike beforehand and by the worker."""

from dataclasses import dataclass, replace
from pathlib import Path

from engine.planning.lessons import learnt_host_share, learnt_step
from engine.planning.machine import Machine
from engine.planning.plan_limits import device_budget
from engine.planning.planner import best_plan
from engine.planning.step_down import NextStep, further
from engine.planning.workload import Workload, demand_of
from engine.protocol.memory_plan import MemoryPlan, NoPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class HeededPlan:
    """A plan or a refusal. `machine`: with the host memory that was counted on, a share of what is free.

    `heeds_a_lesson`: whether anything that was learnt here held for it.
    """

    outcome: MemoryPlan | NoPlan
    machine: Machine
    host_share: float
    heeds_a_lesson: bool


def heeded_plan(
    data: Path,
    machine: Machine,
    workload: Workload,
    *,
    at_least: NextStep | None = None,
    host_share: float = 1.0,
) -> HeededPlan:
    """Return the plan of a workload, no nearer to the machine's bounds than what went well here before.

    `data`: the engine's data directory; `at_least`, `host_share`: how far the job itself has stepped down.
    Where nothing fits into the learnt share of the host's memory, the job's own share is tried: a lesson
    never makes a render impossible.
    """
    demand, device = demand_of(workload), machine.identity.device
    learnt = min(host_share, learnt_host_share(data, device, demand, machine.now))
    found = _planned(data, machine, workload, at_least or NextStep(), learnt)
    if learnt < host_share and isinstance(found.outcome, NoPlan):
        found = _planned(data, machine, workload, at_least or NextStep(), host_share)
    return replace(found, heeds_a_lesson=found.heeds_a_lesson or found.host_share < host_share)


def _planned(
    data: Path, machine: Machine, workload: Workload, at_least: NextStep, host_share: float
) -> HeededPlan:
    counted_on = machine.with_host_share(host_share)
    budget = device_budget(counted_on)
    learnt = learnt_step(data, machine.identity.device, demand_of(workload), budget)
    least = further(learnt, at_least)
    outcome = best_plan(
        counted_on,
        workload,
        at_least=least.concession,
        encoders=least.encoders,
        tile_at_most=least.tile_at_most,
    )
    return HeededPlan(
        outcome=outcome, machine=counted_on, host_share=host_share, heeds_a_lesson=learnt != NextStep()
    )
