"""Memory plans for tests: everything on the device, and changed as a test likes."""

from dataclasses import replace

from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import (
    BankPlace,
    Bottleneck,
    Concession,
    EncoderPlace,
    HostPlace,
    MemoryPlan,
    PhaseNeed,
    PlanPhase,
    WeightStorage,
)


def resident_plan(block_count, **changes):
    """A plan for a processor with all the memory there is."""
    plan = MemoryPlan(
        device="processor",
        device_budget_bytes=10**10,
        host_budget_bytes=10**10,
        precision=Precision.FLOAT32,
        storage=WeightStorage.FULL,
        block_count=block_count,
        resident_blocks=tuple(range(block_count)),
        slots=0,
        host_place=HostPlace.PAGEABLE,
        bank_place=BankPlace.DEVICE,
        piece_tokens=8192,
        token_precision=Precision.FLOAT32,
        tile_latents=None,
        text_encoder=EncoderPlace.DEVICE,
        image_encoder=EncoderPlace.DEVICE,
        segment_frames=81,
        concession=Concession.NONE,
        phases=(PhaseNeed(phase=PlanPhase.DENOISING, device_bytes=10**9, seconds=1.0),),
        host_bytes=10**9,
        seconds_per_step=None,
        seconds=None,
        bottleneck=Bottleneck.ARITHMETIC,
    )
    return replace(plan, **changes)
