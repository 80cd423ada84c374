"""Whether a render fits this machine, and how: a scene and its settings in, a plan or a refusal out.

A question is put together from the project; answering it takes neither the project nor the engine, and may
be done on any thread.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from desktop.authoring.render_requests import (
    RenderSettings,
    build_render_request,
    offered_sizes,
    plate_shaped,
    usual_size,
)
from engine.bundles.installed_bundle import InstalledBundle
from engine.bundles.registry import installed_bundle
from engine.client import engine_directories
from engine.planning.heeded_plan import HeededPlan, heeded_plan
from engine.planning.machine import Machine
from engine.planning.plan_words import lowered
from engine.planning.planner import best_plan
from engine.planning.shot_cutting import SegmentLoad
from engine.planning.workload import Workload, workload_of
from engine.protocol.errors import BugError
from engine.protocol.memory_plan import MemoryPlan, NoPlan
from engine.protocol.render_request import RenderRequest
from projects_db.project_store import ProjectStore
from projects_db.records import SceneRecord

SMALLER_LONG_SIDES_PX = (448, 384, 320, 256)
Size = tuple[int, int]


class Verdict(StrEnum):
    """What a plan comes to, in a word."""

    FITS = "fits"
    STREAMS = "fits_with_streaming"
    DOES_NOT_FIT = "will_not_fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanQuestion:
    """A render as it would be queued, with its bundle; `notes` are for a person to read."""

    request: RenderRequest
    bundle: InstalledBundle
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The answer for one scene. `fitting_size`: the plate's shape, where only a smaller size fits.

    `render_runs`: another render runs now, and what it holds is counted as free. `segment`: how the shot is
    cut, where it fits.
    """

    scene: str
    request: RenderRequest
    machine: Machine
    outcome: MemoryPlan | NoPlan
    fitting_size: Size | None = None
    notes: tuple[str, ...] = ()
    render_runs: bool = False
    segment: SegmentLoad | None = None

    @property
    def plan(self) -> MemoryPlan | None:
        """How the render uses the memory; None where it does not fit."""
        return self.outcome if isinstance(self.outcome, MemoryPlan) else None

    @property
    def refusal(self) -> NoPlan | None:
        """Why the render does not fit; None where it does."""
        return self.outcome if isinstance(self.outcome, NoPlan) else None

    @property
    def verdict(self) -> Verdict:
        """What it comes to."""
        if isinstance(self.outcome, NoPlan):
            return Verdict.DOES_NOT_FIT
        return Verdict.STREAMS if self.outcome.streams else Verdict.FITS


def plan_question(store: ProjectStore, scene: SceneRecord, settings: RenderSettings) -> PlanQuestion:
    """Return what is to be planned for a scene in diffusion quality; equal questions have equal answers.

    Raises UserError where the scene cannot be rendered, as queueing it would.
    """
    built = build_render_request(store, scene, settings, take_id="plan", take_number=1)
    if built.request.diffusion is None:
        raise BugError("only a render by the transformer is planned")
    bundle = installed_bundle(engine_directories()[0], built.request.diffusion.bundle)
    return PlanQuestion(request=replace(built.request, request_id="plan"), bundle=bundle, notes=built.notes)


def answer(question: PlanQuestion, machine: Machine) -> Planned:
    """Return the plan of a render, or why it does not fit.

    Raises UserError where the bundle does not tell enough to plan with.
    """
    workload = workload_of(question.request, question.bundle)
    heeded = _heeded(machine, workload)
    return Planned(
        scene=question.request.scene_name,
        request=question.request,
        machine=machine,
        outcome=heeded.outcome,
        notes=(*question.notes, *_lesson_notes(machine, workload, heeded)),
        segment=_segment(workload, heeded.outcome),
    )


def answer_with_size(question: PlanQuestion, machine: Machine) -> Planned:
    """Return the answer; where the render does not fit, with the largest size tried in which it would.

    Raises UserError as `answer` does.
    """
    planned = answer(question, machine)
    if planned.plan is not None:
        return planned
    return replace(planned, fitting_size=_fitting_size(question, machine))


def with_memory(machine: Machine, device_bytes: int) -> Machine:
    """Return the machine as if its card had so much memory, all of it free."""
    now = replace(
        machine.now,
        device_total_bytes=device_bytes,
        device_free_bytes=device_bytes,
        others_bytes=0,
        limit_bytes=None,
    )
    return replace(machine, now=now)


def _segment(workload: Workload, outcome: MemoryPlan | NoPlan) -> SegmentLoad | None:
    """Return the cutting that a plan chose."""
    if isinstance(outcome, NoPlan):
        return None
    return next(cut for cut in workload.segments if cut.segment_frames == outcome.segment_frames)


def _heeded(machine: Machine, workload: Workload) -> HeededPlan:
    """Return the plan as the worker will make it, with what renders like this one had to give up here."""
    return heeded_plan(engine_directories()[0], machine, workload)


def _lesson_notes(machine: Machine, workload: Workload, heeded: HeededPlan) -> tuple[str, ...]:
    """Return what a lesson changed in a plan: told by the plan as it would be without it."""
    if not heeded.heeds_a_lesson:
        return ()
    told, unwarned = "A render like this ran out of memory here before", best_plan(machine, workload)
    outcome = heeded.outcome
    if isinstance(outcome, MemoryPlan) and isinstance(unwarned, MemoryPlan):
        alike = replace(
            unwarned,
            concession=outcome.concession,
            device_budget_bytes=outcome.device_budget_bytes,
            host_budget_bytes=outcome.host_budget_bytes,
        )
        if alike != outcome:
            told += f": {lowered(unwarned, outcome)}"
    return (f"{told}.",)


def _fitting_size(question: PlanQuestion, machine: Machine) -> Size | None:
    request, workload = question.request, workload_of(question.request, question.bundle)
    plate = (request.plate.width, request.plate.height)
    tried = {
        usual_size(request.renderer, *plate),
        *offered_sizes(request.renderer, *plate),
        *(plate_shaped(side, *plate) for side in SMALLER_LONG_SIDES_PX),
    }
    smaller = [size for size in tried if size[0] * size[1] < request.width * request.height]
    for size in sorted(smaller, key=lambda size: -size[0] * size[1]):
        asked = workload.at_size(*size)
        if isinstance(_heeded(machine, asked).outcome, MemoryPlan):
            return size
    return None
