"""What the random model is to the planner, and its plans for budgets of device memory.

The encoders and the VAE, which this benchmark never runs, are the published ones at full size. Beside a small
transformer they count for nothing, so that its plan is not one for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from engine.benchmark.step_model import IMAGE_TOKENS, PLATE_CHANNELS, VOICE_FRAME_RATE
from engine.benchmark.step_options import StepOptions
from engine.bundles.catalogue import known_bundles
from engine.bundles.installed_bundle import PartName
from engine.planning.guidance import GuidanceScales, ShotBranches, weighted_branches
from engine.planning.latent_grid import FRAMES_PER_LATENT, TOKEN_PIXELS
from engine.planning.machine import Machine
from engine.planning.network_sizes import (
    PUBLISHED_PARAMETERS,
    BundleSizes,
    EncoderSize,
    SpeechSize,
    TransformerSize,
    VaeSize,
)
from engine.planning.planner import best_plan, plan_render
from engine.planning.shot_cutting import AdapterLoad, BranchCount, SegmentLoad
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision, Solver
from engine.protocol.memory_plan import Concession, HostPlace, MemoryPlan, NoPlan
from engine.sampling.denoising import LATENT_CHANNELS

STEPS_OF_A_PASS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPlan:
    """What is planned for a budget, and in a word what is special about it: nothing, for most."""

    budget_bytes: int
    plan: MemoryPlan | NoPlan
    remark: str = ""


def stream_workload(options: StepOptions, precision: Precision, adapters: Sequence[AdapterLoad]) -> Workload:
    """Return a render that is one pass of the random model, 30 steps long."""
    frames = FRAMES_PER_LATENT * (options.latent_frames - 1) + 1
    return Workload(
        sizes=_sizes(options, adapters),
        precision=precision,
        model_width=TOKEN_PIXELS * options.columns,
        model_height=TOKEN_PIXELS * options.rows,
        frame_count=frames,
        model_frames=frames,
        steps=STEPS_OF_A_PASS,
        solver=Solver.EULER,
        texts=2,
        voices=1,
        voice_s=Fraction(frames, VOICE_FRAME_RATE),
        segments=(_segment(options, frames, adapters),),
    )


def budget_plans(machine: Machine, workload: Workload, budgets: Sequence[int]) -> list[BudgetPlan]:
    """Return the plans for budgets, the largest first, and for the smallest one more with 8-bit weights.

    Without budgets two are chosen: the least there is a plan for, and one halfway to a resident model. Where
    the processor computes, blocks wait on the disk, since host memory is what is short; there the smallest
    budget is tried with blocks in memory as well, which is what a card has.
    """
    chosen = sorted(budgets or _chosen_budgets(machine, workload), reverse=True)
    plans = [
        BudgetPlan(budget_bytes=budget, plan=best_plan(_limited(machine, budget), workload))
        for budget in chosen
    ]
    least = plans[-1].plan
    if isinstance(least, MemoryPlan) and least.host_place is HostPlace.DISK:
        in_memory = replace(least, host_place=HostPlace.PAGEABLE)
        plans.append(replace(plans[-1], plan=in_memory, remark="RAM"))
    eight_bit = plan_render(_limited(machine, chosen[-1]), workload, concession=Concession.EIGHT_BIT_WEIGHTS)
    return [*plans, BudgetPlan(budget_bytes=chosen[-1], plan=eight_bit, remark="8-bit")]


def _chosen_budgets(machine: Machine, workload: Workload) -> list[int]:
    """Return the least budget there is a plan for that gives nothing up, and one halfway to the least that
    holds all blocks.
    """

    def plan(budget_bytes: int) -> MemoryPlan | NoPlan:
        return plan_render(_limited(machine, budget_bytes), workload)

    least = _least_budget(machine, lambda budget: isinstance(plan(budget), MemoryPlan))
    whole = _least_budget(machine, lambda budget: _holds_all(plan(budget)))
    return [least] if whole <= least else [least, (least + whole) // 2]


def _least_budget(machine: Machine, suffices: Callable[[int], bool]) -> int:
    """Return the least budget that suffices, to one part in 500; where none does, what is free."""
    too_little, enough = 0, machine.now.device_free_bytes
    while enough - too_little > enough // 500:
        middle = (too_little + enough) // 2
        if suffices(middle):
            enough = middle
        else:
            too_little = middle
    return enough


def _holds_all(plan: MemoryPlan | NoPlan) -> bool:
    return isinstance(plan, MemoryPlan) and not plan.streams


def _limited(machine: Machine, budget_bytes: int) -> Machine:
    return replace(machine, now=replace(machine.now, limit_bytes=budget_bytes))


def _segment(options: StepOptions, frames: int, adapters: Sequence[AdapterLoad]) -> SegmentLoad:
    scales = GuidanceScales(text=options.text_guidance, adapters=options.adapter_guidance)
    shot = ShotBranches(adapters=frozenset(load.name for load in adapters), texts_differ=True)
    branches = weighted_branches(scales, shot, step=0, steps=STEPS_OF_A_PASS)
    speaking = tuple(branch.adapters for branch in branches)
    return SegmentLoad(
        segment_frames=frames,
        latent_frames=options.latent_frames,
        piece_latents=options.latent_frames,
        pieces=1,
        windows=1,
        known_latents=0,
        steps=(BranchCount(speaking=speaking, times=STEPS_OF_A_PASS),),
        adapters=tuple(adapters),
    )


def _sizes(options: StepOptions, adapters: Sequence[AdapterLoad]) -> BundleSizes:
    networks = _OtherNetworks(count=options.full_size)
    return BundleSizes(
        transformer=TransformerSize(
            width=options.width,
            heads=options.heads,
            blocks=options.blocks,
            feed_forward=options.feed_forward,
            frequency_width=256,
            text_width=options.text_width,
            image_width=options.image_width,
            image_tokens=IMAGE_TOKENS,
            channels_in=LATENT_CHANNELS + PLATE_CHANNELS,
            channels_out=LATENT_CHANNELS,
        ),
        text_encoder=networks.encoder("text", PartName.TEXT_ENCODER, largest="text_vocabulary"),
        image_encoder=networks.encoder("image", PartName.IMAGE_ENCODER, largest="image_feed_forward"),
        speech_encoder=SpeechSize(
            encoder=networks.encoder("speech", PartName.SPEECH_ENCODER, largest="speech_feed_forward"),
            channels=networks.size("speech_channels"),
        ),
        vae=VaeSize(
            parameters=networks.parameters(PartName.VAE),
            channels=networks.size("vae_channels"),
            residual_blocks=networks.size("vae_residual_blocks"),
            latent_channels=LATENT_CHANNELS,
        ),
        adapter_widths={load.name: load.width for load in adapters},
    )


class _OtherNetworks:
    """The published encoders and VAE; or, where they do not count, the smallest there can be."""

    def __init__(self, *, count: bool) -> None:
        self._published = known_bundles()[0].dimensions if count else {}
        self._parameters = PUBLISHED_PARAMETERS if count else {}

    def size(self, name: str) -> int:
        """Return a width, or how many there are of something."""
        return self._published.get(name, 1)

    def parameters(self, part: PartName) -> int:
        """Return how many parameters a network has."""
        return self._parameters.get(part, 1)

    def encoder(self, kind: str, part: PartName, *, largest: str) -> EncoderSize:
        """Return an encoder's sizes; `largest` names the other side of its largest layer."""
        width = self.size(f"{kind}_width")
        return EncoderSize(
            parameters=self.parameters(part),
            width=width,
            layers=self.size(f"{kind}_layers"),
            heads=self.size(f"{kind}_heads"),
            feed_forward=self.size(f"{kind}_feed_forward"),
            embedding=width * self.size(largest),
        )
