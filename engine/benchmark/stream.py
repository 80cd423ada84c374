"""One step of a transformer larger than the device's memory: by Masque's streaming, by the libraries' ways.

The same random weights and the same step (two branches, one clip-driven and one voice-driven character) in
one process, a row for each way. On a card, 14 B parameters and 81 frames of 832x480, a command for each part
of the table (each takes minutes; all measure the reference, since ratios hold within one run only):

    masque benchmark stream --full-size --only resident,stream
    masque benchmark stream --full-size --only resident,group
    masque benchmark stream --full-size --only resident,accelerate

`--budget 12GB` (again and again) says which cards stand in: Masque plans for the budget, and torch refuses
what goes beyond it. The libraries' ways have no budget: their peak says which card they would need. Where the
processor computes there is nothing to refuse and nothing to overlap, since copies take the time of its
arithmetic; what can be seen there is that results are equal, and what is planned. Times of ways that were
measured one after another are rough on a busy machine, and threads that wait for each other count as
computing: with OMP_NUM_THREADS=1 the processor's times can be compared even there.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch

from engine.benchmark.stream_comparing import References
from engine.benchmark.stream_libraries import accelerate_way, group_ways, resident_way
from engine.benchmark.stream_measuring import Way, measure_way
from engine.benchmark.stream_model import stream_shot, stream_sizes
from engine.benchmark.stream_options import StreamOptions, StreamPart
from engine.benchmark.stream_plans import BudgetPlan, budget_plans, stream_workload
from engine.benchmark.stream_records import StreamBenchmark, StreamRow
from engine.benchmark.stream_ways import adapter_loads, planned_way
from engine.locations import engine_locations
from engine.memory.device import compute_precision, device_name, render_device, torch_dtype
from engine.memory.known_machine import known_machine
from engine.planning.machine import Machine
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import MemoryPlan, PlanPhase, WeightStorage
from engine.sampling.lockstep import USUAL_TOKENS, TokenHandling
from engine.sampling.planned_transformer import token_handling
from engine.weights.memory_shortage import is_memory_shortage

RESIDENT = "resident"
_FAILURES = (UserError, RuntimeError, MemoryError, OSError, ValueError, TypeError, AttributeError, KeyError)
"""What a way may fail with: Masque's says it in a sentence, a library's in any of these."""

_LONGEST_REASON = 300
_log = logging.getLogger(__name__)


def run_stream_benchmark(options: StreamOptions, machine: Machine | None = None) -> StreamBenchmark:
    """Measure on the device that renders. Takes minutes.

    `machine`: what to plan for; by default this one as it is known, or else measured now in some ten seconds.
    A way that fails is a row that says why. Raises UserError when the full size is asked for without a
    graphics card, when the device cannot compute in the precision or holds not even one block, and as
    `known_machine`.
    """
    device = render_device()
    if options.step.full_size and device.type == "cpu":
        raise UserError(
            "The full-size model needs a graphics card, and this machine has none that can be used.",
            next_step="Leave out --full-size to measure a small model on the processor.",
            code=ErrorCode.BAD_INPUT,
        )
    try:
        return _StreamMeasuring(options, device, machine).result()
    except (RuntimeError, MemoryError) as error:
        if not is_memory_shortage(error):
            raise
        raise UserError(
            f"{device_name(device)} has too little memory for this model's frame and a block.",
            next_step="Choose a smaller model, fewer tokens or another precision.",
            code=ErrorCode.OUT_OF_MEMORY,
        ) from error


class _StreamMeasuring:
    """The course of one benchmark: plans, then one way after another."""

    def __init__(self, options: StreamOptions, device: torch.device, machine: Machine | None) -> None:
        self._options = options
        self._device = device
        self._precision = compute_precision(device, options.step.precision)
        self._shot = stream_shot(options.step, device, torch_dtype(self._precision))
        self._sizes = stream_sizes(self._shot)
        self._machine = machine
        self._references = References()

    def result(self) -> StreamBenchmark:
        """Measure everything."""
        rows = tuple(self._row(way) for way in self._ways())
        return StreamBenchmark(
            device=device_name(self._device),
            precision=self._precision,
            threads=torch.get_num_threads(),
            parameters=self._sizes.parameters,
            adapter_parameters=self._sizes.adapter_parameters,
            weights_bytes=self._sizes.frame_bytes + self._sizes.blocks_bytes,
            bank_bytes=self._sizes.bank_bytes,
            tokens=self._options.step.tokens,
            options=self._options,
            rows=rows,
        )

    def _ways(self) -> list[Way]:
        """Return the ways of the parts that were asked for; references before what is compared with them."""
        parts, shot = self._options.parts, self._shot
        budgets = self._plans() if StreamPart.STREAM in parts else []
        ways: list[Way] = []
        if StreamPart.RESIDENT in parts:
            ways.append(resident_way(shot, RESIDENT, _other_handlings(budgets)))
        ways += [planned_way(shot, self._sizes, budget, RESIDENT) for budget in budgets]
        if StreamPart.GROUP in parts:
            ways += group_ways(shot, RESIDENT)
        if StreamPart.ACCELERATE in parts:
            ways.append(accelerate_way(shot, RESIDENT))
        return ways

    def _plans(self) -> Sequence[BudgetPlan]:
        if self._machine is None:
            locations = engine_locations()
            self._machine = known_machine(locations.data, locations.cache)
        workload = stream_workload(self._options.step, self._precision, adapter_loads(self._shot))
        return budget_plans(self._machine, workload, self._options.budgets)

    def _row(self, way: Way) -> StreamRow:
        predicted = None if way.plan is None else way.plan.need(PlanPhase.DENOISING).device_bytes
        row = StreamRow(
            name=way.name,
            part=way.part,
            budget_bytes=way.budget_bytes,
            plan=way.plan,
            predicted_bytes=predicted,
        )
        try:
            found = measure_way(way, self._device, repeats=self._options.step.repeats)
        except _FAILURES as error:
            _log.info("%s failed", way.name, exc_info=True)
            return replace(row, failure=_reason(error))
        _log.info(
            "%s: %.3f s a step, %s B at most", way.name, found.measures.best_s, found.measures.peak_bytes
        )
        self._references.keep(way, found)
        peak = found.measures.peak_bytes
        return replace(
            row,
            measures=found.measures,
            comparison=self._references.compared(way, found),
            prediction_ratio=predicted / peak if predicted and peak else None,
        )


def _other_handlings(budgets: Sequence[BudgetPlan]) -> set[TokenHandling]:
    """Return how plans let tokens go through the layers other than usual, where that is to change nothing."""
    plans = [budget.plan for budget in budgets if isinstance(budget.plan, MemoryPlan)]
    exact = {token_handling(plan) for plan in plans if plan.storage is WeightStorage.FULL}
    return exact - {USUAL_TOKENS}


def _reason(error: BaseException) -> str:
    """Return why in one line."""
    lines = str(error).strip().splitlines()
    said = lines[0] if lines else ""
    return (said if isinstance(error, UserError) else f"{type(error).__name__}: {said}")[:_LONGEST_REASON]
