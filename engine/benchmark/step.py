"""One denoising step, the published way against Masque's: same random weights, same inputs, one process."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import torch

from engine.benchmark.memory_watch import watched
from engine.benchmark.published_step import PublishedStep
from engine.benchmark.step_flop import attention_pairs, step_flop
from engine.benchmark.step_model import parameter_bytes, parameter_count, random_shot
from engine.benchmark.step_options import StepOptions
from engine.memory.device import compute_precision, device_name, render_device, torch_dtype, wait_for
from engine.memory.lending import AtHand
from engine.networks.adapter_attention import group_rows
from engine.planning.guidance import GuidanceScales
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError
from engine.sampling.guided_velocity import GuidedVelocity
from engine.sampling.key_value_bank import (
    BlockKeysValues,
    bank_bytes,
    drop_key_value_projections,
    key_value_bank,
)

STEPS_OF_A_PASS = 30
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class WayMeasures:
    """One way's step: its forwards, seconds of each run, the most memory of tensors with the weights.

    `preparation_s` is spent once for a shot: mask and windows, or bank and groups. `processor_s` is the least
    of what the process's threads spent together on a run: what to compare on a busy machine without a card.
    """

    forwards: int
    preparation_s: float
    runs_s: tuple[float, ...]
    best_s: float
    median_s: float
    processor_s: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBenchmark:
    """Both ways, and how they compare. Ratios are Masque's time by the published way's.

    `spread_s` is Masque's best step with its preparation spread over STEPS_OF_A_PASS;
    `peak_memory_dropped_bytes` its memory once the projections that the bank replaces are gone;
    `largest_difference` and `standard_deviation` are of the guided velocity.
    """

    device: str
    precision: Precision
    threads: int
    parameters: int
    adapter_parameters: int
    tokens: int
    options: StepOptions
    published: WayMeasures
    masque: WayMeasures
    spread_s: float
    peak_memory_dropped_bytes: int
    bank_bytes: int
    flop: int
    teraflop_per_s: float
    ratio: float
    median_ratio: float
    processor_ratio: float
    spread_ratio: float
    largest_difference: float
    standard_deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """Seconds on the clock, and of all threads together."""

    clock_s: float
    processor_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """What an untimed step showed."""

    velocity: torch.Tensor
    forwards: int
    peak_bytes: int


def run_step_benchmark(options: StepOptions) -> StepBenchmark:
    """Measure on the device that renders. Takes minutes.

    Raises UserError when the full size is asked for without a graphics card, when the device cannot compute
    in the precision, and when its memory is too small.
    """
    device = render_device()
    if options.full_size and device.type == "cpu":
        raise UserError(
            "The full-size model needs a graphics card, and this machine has none that can be used.",
            next_step="Leave out --full-size to measure a small model on the processor.",
            code=ErrorCode.BAD_INPUT,
        )
    precision = compute_precision(device, options.precision)
    try:
        return _StepMeasuring(options, device, precision).result()
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{device_name(device)} has too little memory for this step.",
            next_step="Choose a smaller model, fewer tokens or another precision.",
            code=ErrorCode.OUT_OF_MEMORY,
        ) from error


class _StepMeasuring:
    """The course of one benchmark: an untimed step of each way for its memory, timed ones in turn."""

    def __init__(self, options: StepOptions, device: torch.device, precision: Precision) -> None:
        self._options = options
        self._device = device
        self._precision = precision
        self._shot = random_shot(options, device, torch_dtype(precision))
        self._scales = GuidanceScales(text=options.text_guidance, adapters=options.adapter_guidance)

    def result(self) -> StepBenchmark:
        """Measure everything. The transformer cannot be used the published way any more after that."""
        model = self._shot.model
        parameters = parameter_count(model.transformer), parameter_count(*model.projections.values())
        seen_published = self._see_published()
        bank, for_bank = self._timed(self._bank)
        seen_ours = self._see_ours(bank)
        published, ours = self._timed_in_turn(bank, for_bank.clock_s, seen_published, seen_ours)
        drop_key_value_projections(model.transformer)
        dropped = self._see_ours(bank)
        spread_s = ours.best_s + ours.preparation_s / STEPS_OF_A_PASS
        flop = self._flop(bank)
        return StepBenchmark(
            device=device_name(self._device),
            precision=self._precision,
            threads=torch.get_num_threads(),
            parameters=parameters[0],
            adapter_parameters=parameters[1],
            tokens=self._options.tokens,
            options=self._options,
            published=published,
            masque=ours,
            spread_s=spread_s,
            peak_memory_dropped_bytes=dropped.peak_bytes,
            bank_bytes=bank_bytes(bank),
            flop=flop,
            teraflop_per_s=flop / ours.best_s / 1e12,
            ratio=ours.best_s / published.best_s,
            median_ratio=ours.median_s / published.median_s,
            processor_ratio=ours.processor_s / published.processor_s,
            spread_ratio=spread_s / published.best_s,
            largest_difference=float((seen_ours.velocity - seen_published.velocity).abs().max()),
            standard_deviation=float(seen_published.velocity.std()),
        )

    def _timed_in_turn(
        self, bank: tuple[BlockKeysValues, ...], bank_s: float, seen_published: _Seen, seen_ours: _Seen
    ) -> tuple[WayMeasures, WayMeasures]:
        """Return both ways' measures; they take turns, so that a busy machine slows down both."""
        latents, timestep = self._shot.latents_16FHW, self._shot.timestep
        published, for_masks = self._timed(self._published)
        ours, for_groups = self._timed(lambda: self._ours(bank))
        published_runs: list[_Spent] = []
        our_runs: list[_Spent] = []
        for _ in range(self._options.repeats):
            published_runs.append(self._timed(lambda: published(latents, timestep))[1])
            our_runs.append(self._timed(lambda: ours(latents, timestep, 0))[1])
        return (
            _measures(seen_published, for_masks.clock_s, published_runs),
            _measures(seen_ours, bank_s + for_groups.clock_s, our_runs),
        )

    def _flop(self, bank: tuple[BlockKeysValues, ...]) -> int:
        conditions = self._shot.conditions
        pairs = {
            name: attention_pairs(group_rows(conditions.regions, characters))
            for name, characters in conditions.adapters.items()
        }
        return step_flop(self._options, self._ours(bank).branches(0), pairs)

    def _bank(self) -> tuple[BlockKeysValues, ...]:
        model = self._shot.model
        return key_value_bank(model.transformer, model.projections, self._shot.conditions)

    def _published(self) -> PublishedStep:
        return PublishedStep(self._shot.model, self._shot.conditions, self._scales)

    def _ours(self, bank: Sequence[BlockKeysValues]) -> GuidedVelocity:
        return GuidedVelocity(
            self._shot.model, self._shot.conditions, self._scales, steps=STEPS_OF_A_PASS, bank=AtHand(bank)
        )

    def _see_published(self) -> _Seen:
        shot = self._shot

        def work() -> tuple[torch.Tensor, int]:
            step = self._published()
            return step(shot.latents_16FHW, shot.timestep), step.forwards

        (velocity, forwards), peak = watched(self._device, work, held_bytes=parameter_bytes(shot.model))
        return _Seen(velocity=velocity, forwards=forwards, peak_bytes=peak)

    def _see_ours(self, bank: tuple[BlockKeysValues, ...]) -> _Seen:
        shot = self._shot

        def work() -> tuple[torch.Tensor, int]:
            step = self._ours(bank)
            return step(shot.latents_16FHW, shot.timestep, 0), step.forwards

        held = parameter_bytes(shot.model) + bank_bytes(bank)
        (velocity, forwards), peak = watched(self._device, work, held_bytes=held)
        return _Seen(velocity=velocity, forwards=forwards, peak_bytes=peak)

    def _timed(self, work: Callable[[], _Made]) -> tuple[_Made, _Spent]:
        wait_for(self._device)
        started_s, processor_s = time.perf_counter(), time.process_time()
        made = work()
        wait_for(self._device)
        spent = _Spent(clock_s=time.perf_counter() - started_s, processor_s=time.process_time() - processor_s)
        return made, spent


def _measures(seen: _Seen, preparation_s: float, runs: Sequence[_Spent]) -> WayMeasures:
    runs_s = tuple(run.clock_s for run in runs)
    return WayMeasures(
        forwards=seen.forwards,
        preparation_s=preparation_s,
        runs_s=runs_s,
        best_s=min(runs_s),
        median_s=median(runs_s),
        processor_s=min(run.processor_s for run in runs),
        peak_memory_bytes=seen.peak_bytes,
    )
