"""What a step asks of a graphics card, on one that is only pretended: nothing mixes devices or waits."""

import contextlib
from dataclasses import replace

import pytest
import torch
from torch import nn

from engine.benchmark.step_options import AskedStep, step_options
from engine.benchmark.stream_model import stream_shot
from engine.planning.guidance import GuidanceScales
from engine.protocol.diffusion_settings import Precision, Solver
from engine.protocol.memory_plan import BankPlace, HostPlace, WeightStorage
from engine.sampling.denoising import KnownStart, denoise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.guided_velocity import GuidedVelocity
from engine.sampling.planned_transformer import PlannedTransformer, TransformerLoading
from tests.engine.sampling.pretended_card import CARD, pretended_card
from tests.memory_plans import resident_plan

PROCESSOR = torch.device("cpu")
SIZES = replace(step_options(AskedStep(width=128, blocks=2)), latent_frames=2, rows=2, columns=2)
STREAMED = {"resident_blocks": (0,), "slots": 1, "bank_place": BankPlace.HOST, "host_place": HostPlace.PINNED}


class Source:
    """Gives the blocks and the frame of a random transformer on the processor."""

    def __init__(self, blocks):
        self._blocks, self.block = blocks, blocks.block

    def __len__(self):
        return len(self._blocks)

    def frame(self):
        frame = self._blocks.frame()
        frame.scale_shift_table = nn.Parameter(frame.scale_shift_table.to(CARD), requires_grad=False)
        return frame


@pytest.mark.parametrize(
    "changes",
    [STREAMED, {**STREAMED, "storage": WeightStorage.EIGHT_BIT, "token_precision": Precision.BFLOAT16}],
    ids=["full", "8-bit"],
)
def test_a_step_mixes_no_devices_and_waits_for_none_of_its_blocks(changes, monkeypatch):
    with pretended_card(monkeypatch) as card:
        shot = stream_shot(SIZES, PROCESSOR, torch.bfloat16)
        loading = TransformerLoading(
            source=Source(shot.blocks),
            weights="random",
            plan=resident_plan(SIZES.blocks, precision=Precision.BFLOAT16, **changes),
            device=CARD,
            projections=shot.projections,
            conditions=shot.conditions,
        )
        with contextlib.closing(PlannedTransformer(loading, check=lambda: None)) as transformer:
            bank = transformer.bank(shot.conditions)
            scales = GuidanceScales(text=1.0, adapters=4.0)
            velocity = GuidedVelocity(transformer.model, shot.conditions, scales, steps=1, bank=bank)
            latents = shot.latents_16FHW.to(CARD)
            card.waits.clear()
            card.kinds.clear()
            moving = velocity(latents, shot.timestep, 0)
            # Only what the timestep is embedded from is brought there, before the first block.
            assert card.waits == ["timestep_embedding.py"]
            assert (moving.device, moving.dtype, moving.shape) == (CARD, torch.float32, latents.shape)
            assert ("attention", torch.bfloat16) in card.kinds
            assert ("attention", torch.float32) not in card.kinds
            products = [kind[1:] for kind in card.kinds if kind[0] in {"mm", "bmm", "addmm", "convolution"}]
            assert products
            assert all(len(set(formats)) == 1 for formats in products)
            assert not [kind for kind in card.kinds if torch.float64 in kind]


@pytest.mark.parametrize("solver", list(Solver))
def test_a_solver_leaves_no_small_equations_to_the_card(solver, monkeypatch):
    known = torch.zeros(16, 1, 2, 2)
    with pretended_card(monkeypatch) as card:
        start = KnownStart(latents_16KHW=known.to(CARD))
        noise = torch.zeros(16, 2, 2, 2).to(CARD)
        card.waits.clear()
        steps = flow_solver(solver, steps=4, shift=5.0)
        clean = denoise(noise, lambda latents, timestep, step: 0.5 * latents, steps, known=start)
        assert (clean.device, clean.dtype) == (CARD, torch.float32)
        assert card.waits == ["flow_solver.py"] * (12 if solver is Solver.UNIPC else 0)
        assert not [kind for kind in card.kinds if "linalg" in kind[0]]
