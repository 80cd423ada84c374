"""What memory a render may use: this machine now, what was learnt, how far the job has stepped down."""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from engine.bundles.installed_bundle import InstalledBundle
from engine.memory.host_memory import host_others_bytes
from engine.memory.known_machine import known_machine
from engine.memory.probe import machine_identity, memory_now
from engine.planning.heeded_plan import HeededPlan, heeded_plan
from engine.planning.lesson import HostLesson, Lesson
from engine.planning.lessons import learn
from engine.planning.machine import Machine
from engine.planning.machine_store import stored_rates
from engine.planning.nominal_rates import UNMEASURED
from engine.planning.plan_words import doing, lowered
from engine.planning.planner import best_plan, next_step
from engine.planning.step_down import NextStep
from engine.planning.workload import demand_of, workload_of
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import MemoryPlan, NoPlan, PlanPhase
from engine.protocol.render_request import RenderRequest
from engine.renderers.diffusion_characters import Watch
from engine.renderers.memory_ladder import HostView, MemoryLadder
from engine.renderers.renderer import MemoryRanOutError, RenderStoppedError
from engine.renderers.work_directory import MEMORY_RAN_OUT_NAME

_log = logging.getLogger(__name__)
WAITING = "Waiting for memory that other programs use"
PATIENCE_S, LOOK_S = 300.0, 2.0
"""How long a render waits for memory that others use, and how often it looks."""

_LEAST_HOST_SHARE = 0.1
_SYSTEM_SHARE = 0.1
"""Of the memory of a machine on which nothing else runs."""

_OTHERS_SHARE = 0.02
_LIBRARIES_BYTES = 600 * 10**6
"""What kernels and libraries of our own may take of a device after the plan was made."""


class RenderMemory:
    """Makes the plan of a render's attempt, and decides what follows when memory runs out all the same.

    `data`, `cache`: the engine's directories; `work`: the job's, which keeps the ladder.
    """

    def __init__(
        self,
        request: RenderRequest,
        bundle: InstalledBundle,
        device: torch.device,
        *,
        data: Path,
        cache: Path,
        work: Path,
    ) -> None:
        self._request, self._device, self._data = request, device, data
        self._workload = workload_of(request, bundle)
        self._ladder = MemoryLadder(work)
        self._heed_the_system(work / MEMORY_RAN_OUT_NAME)
        self._machine = self._looked_at(cache)
        self._plan: MemoryPlan | None = None

    def plan(self, watch: Watch) -> MemoryPlan:
        """Return the plan, after a while where others use what it needs.

        Raises UserError(OUT_OF_MEMORY) that says what to change where none fits, RenderStoppedError when told
        to stop meanwhile.
        """
        heeded = self._in_time(watch)
        found, seen = heeded.outcome, self._machine
        if isinstance(found, NoPlan):
            raise self._does_not_fit(found)
        self._plan, self._machine = found, heeded.machine
        self._ladder.begin_attempt(
            HostView(
                total_bytes=seen.now.host_total_bytes,
                free_bytes=seen.now.host_free_bytes,
                host_others_bytes=host_others_bytes(),
                share=heeded.host_share,
            )
        )
        _log.info(
            "plan: %d of %d blocks stay, %d tokens at a time, concession %s, %.2f GB predicted",
            len(found.resident_blocks),
            found.block_count,
            found.piece_tokens,
            found.concession.value,
            found.peak_bytes / 1e9,
        )
        return found

    @property
    def told(self) -> tuple[str, ...]:
        """A sentence for the take for each time that memory ran out."""
        return self._ladder.rungs.told

    def ran_out(self, phase: PlanPhase | None, *, of_host: bool) -> Exception:
        """Return what to raise after memory ran out: another attempt follows, or what to change is told.

        `of_host`: the host's memory, where the device has its own.
        """
        if self._plan is None:
            return MemoryError("memory ran out before there was a plan")
        if of_host or (phase is None and self._device.type == "cpu"):
            return self._host_ran_out(phase)
        taken = self._taken_by_others()
        machine, of = self._without(taken), phase or PlanPhase.DENOISING
        step = next_step(machine, self._workload, self._plan, of)
        after = None if step is None else self._planned(machine, step)
        if step is None or not isinstance(after, MemoryPlan):
            return self._ended(phase)
        told = (
            f"Memory ran out while {doing(phase)}; the render went on so that {lowered(self._plan, after)}."
        )
        by_others = taken > _much_of(self._machine.now.device_total_bytes)
        wrong = None if by_others else self._plan.device_budget_bytes
        self._ladder.step_down(step, told, wrong_budget_bytes=wrong)
        _log.warning("%s Other programs took %.2f GB meanwhile.", told, taken / 1e9)
        return MemoryRanOutError(told, told=told)

    def _in_time(self, watch: Watch) -> HeededPlan:
        """Return a plan, or the refusal that is left when others have kept their memory for long."""
        until_s = time.monotonic() + PATIENCE_S
        heeded = self._heeded(self._machine)
        if isinstance(heeded.outcome, MemoryPlan) or not self._fits_alone():
            return heeded
        while isinstance(heeded.outcome, NoPlan) and time.monotonic() < until_s:
            watch.tell(WAITING)
            if watch.should_stop():
                raise RenderStoppedError
            time.sleep(LOOK_S)
            self._machine = replace(self._machine, now=memory_now(self._device))
            heeded = self._heeded(self._machine)
        return heeded

    def _heeded(self, machine: Machine) -> HeededPlan:
        rungs = self._ladder.rungs
        return heeded_plan(
            self._data, machine, self._workload, at_least=rungs.step, host_share=rungs.host_share
        )

    def _fits_alone(self) -> bool:
        """Whether the render fits when nothing else uses the machine's memory."""
        now = self._machine.now
        host_bytes = round(now.host_total_bytes * (1 - _SYSTEM_SHARE))
        device_bytes = host_bytes if self._device.type == "cpu" else now.device_total_bytes
        alone = replace(now, device_free_bytes=device_bytes, host_free_bytes=host_bytes, others_bytes=0)
        return isinstance(self._heeded(replace(self._machine, now=alone)).outcome, MemoryPlan)

    def _planned(self, machine: Machine, least: NextStep) -> MemoryPlan | NoPlan:
        return best_plan(
            machine,
            self._workload,
            at_least=least.concession,
            encoders=least.encoders,
            tile_at_most=least.tile_at_most,
        )

    def _taken_by_others(self) -> int:
        """Return how much more of the device other programs use than when the plan was made."""
        return max(memory_now(self._device).others_bytes - self._machine.now.others_bytes, 0)

    def _without(self, taken_bytes: int) -> Machine:
        """Return the machine as a fresh process will find it: what this one holds will be free again."""
        then = self._machine.now
        of_host = taken_bytes if self._device.type == "cpu" else 0
        now = replace(
            then,
            device_free_bytes=max(then.device_free_bytes - taken_bytes, 0),
            host_free_bytes=max(then.host_free_bytes - of_host, 0),
        )
        return replace(self._machine, now=now)

    def _host_ran_out(self, phase: PlanPhase | None) -> Exception:
        if self._ladder.rungs.host_share < _LEAST_HOST_SHARE:
            return self._ended(phase)
        told = f"The computer's memory ran out while {doing(phase)}; the render went on with less of it."
        self._ladder.leave_host_memory(told, by_others=self._was_taken_from_host())
        _log.warning("%s", told)
        return MemoryRanOutError(told, told=told)

    def remember(self) -> None:
        """Remember for this machine what the finished render gave up, where its plan had been wrong."""
        if self._plan is None:
            return
        try:
            for lesson in self._lessons(self._plan.device):
                learn(self._data, lesson)
        except UserError as error:
            _log.info("what was learnt about memory is not kept: %s", error)

    def _lessons(self, device: str) -> Iterator[Lesson | HostLesson]:
        rungs, demand, learnt_at = self._ladder.rungs, demand_of(self._workload), datetime.now(UTC)
        render = f"{self._request.width}x{self._request.height}, {self._request.frame_count} frames"
        if rungs.by_plan:
            yield Lesson(
                device=device,
                demand=demand,
                budget_bytes=rungs.budget_bytes,
                step=rungs.step,
                learnt_at=learnt_at,
                render=render,
            )
        if rungs.attempt is not None and rungs.host_share < 1 and not rungs.host_by_others:
            yield HostLesson(
                device=device,
                demand=demand,
                total_bytes=self._machine.now.host_total_bytes,
                free_bytes=rungs.host_free_bytes,
                share=rungs.attempt.share,
                learnt_at=learnt_at,
                render=render,
            )

    def _heed_the_system(self, mark: Path) -> None:
        """Use less of the host's memory where the system ended the attempt before for want of it."""
        if not mark.exists():
            return
        mark.unlink()
        if self._ladder.rungs.host_share < _LEAST_HOST_SHARE:
            raise self._ended(None)
        self._ladder.leave_host_memory(
            "The system ended the render for want of memory; it went on with less of it.",
            by_others=self._was_taken_from_host(),
        )

    def _was_taken_from_host(self) -> bool:
        """Whether others use more of the host's memory than when the plan was made, or nobody knows."""
        then = self._ladder.rungs.attempt
        return then is None or host_others_bytes() - then.host_others_bytes > _much_of(then.total_bytes)

    def _looked_at(self, cache: Path) -> Machine:
        """Return the machine. A card's speed is measured if need be; the processor's changes no plan."""
        identity = machine_identity(self._device)
        if not identity.is_processor:
            return known_machine(self._data, cache)
        rates = stored_rates(self._data, identity) or UNMEASURED
        return Machine(identity=identity, rates=rates, now=memory_now(self._device))

    def _does_not_fit(self, found: NoPlan) -> UserError:
        changes = found.changes or ("Choose a smaller size.",)
        if self._fits_alone():
            changes = ("Close other programs, then retry the job.", *found.changes)
        self._ladder.begin_anew()
        return UserError(
            f"“{self._request.scene_name}” does not fit into this machine: {found.reason}",
            next_step=" ".join(changes),
            code=ErrorCode.OUT_OF_MEMORY,
            details={"least_bytes": str(found.least_bytes), "budget_bytes": str(found.device_budget_bytes)},
        )

    def _ended(self, phase: PlanPhase | None) -> UserError:
        request = self._request
        tried = " All smaller plans were tried." if self._ladder.rungs.told else ""
        self._ladder.begin_anew()
        return UserError(
            f"Memory ran out while {doing(phase)} for “{request.scene_name}” "
            f"at {request.width}x{request.height}.{tried}",
            next_step="Close other programs that use the graphics card, or choose a smaller size or shorter "
            "segments, then retry the job.",
            code=ErrorCode.OUT_OF_MEMORY,
        )


def _much_of(total_bytes: int) -> int:
    """More than this was taken by another program; less may be what our own libraries have loaded."""
    return max(_LIBRARIES_BYTES, round(_OTHERS_SHARE * total_bytes))
