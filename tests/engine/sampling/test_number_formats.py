"""What half precision and memory cost: never more than in diffusers' own forward."""

import copy

import pytest
import torch
from diffusers import WanTransformer3DModel

from engine.memory.lending import AtHand
from engine.networks import adapter_attention
from engine.networks.adapter_attention import group_rows
from engine.planning.guidance import Branch, TextRole
from engine.sampling.guided_velocity import DiffusionModel
from engine.sampling.key_value_bank import key_value_bank
from engine.sampling.lockstep import LockstepTransformer, TokenHandling
from engine.sampling.timestep_embedding import timestep_embedding, timestep_waves
from tests.engine.sampling.random_shots import EXPRESSION, VOICE, random_model, random_shot
from tests.held_memory import HeldMemory

PLAIN = Branch(text=TextRole.PROMPT)
FULL = Branch(text=TextRole.PROMPT, adapters=frozenset({EXPRESSION, VOICE}))


def lowered(model, dtype):
    """The model in another number format, with what diffusers keeps in float32 when it loads one."""
    transformer = copy.deepcopy(model.transformer)
    for name, parameter in transformer.named_parameters():
        if not set(name.split(".")) & set(WanTransformer3DModel._keep_in_fp32_modules):
            parameter.data = parameter.data.to(dtype)
    projections = {name: copy.deepcopy(part).to(dtype) for name, part in model.projections.items()}
    return DiffusionModel(transformer=transformer, projections=projections)


def shot_and_latents(seed, rows=8, columns=10):
    conditions = random_shot(seed, frame_count=9, rows=rows, columns=columns, people=2)
    generator = torch.Generator().manual_seed(seed)
    return conditions, torch.randn(16, 3, rows, columns, generator=generator)


def forward(model, conditions, latents, timestep, branches=(PLAIN,), **options):
    """Our forward of some branches."""
    bank = key_value_bank(model.transformer, model.projections, conditions)
    groups = {name: group_rows(conditions.regions, people) for name, people in conditions.adapters.items()}
    noisy = torch.cat([latents, conditions.plate_20FHW])
    transformer = LockstepTransformer(model.transformer, AtHand(bank), **options)
    return transformer.velocities(noisy, timestep, branches, groups)


@torch.inference_mode()
def stock_forward(model, conditions, latents, timestep):
    """diffusers' own forward without adapters, in the model's number format."""
    like = model.transformer.patch_embedding.weight
    (velocity,) = model.transformer(
        hidden_states=torch.cat([latents, conditions.plate_20FHW]).to(like)[None],
        timestep=timestep.reshape(1),
        encoder_hidden_states=conditions.text[PLAIN.text].to(like)[None],
        encoder_hidden_states_image=conditions.image_tokens.to(like)[None],
        return_dict=False,
    )
    return velocity[0].float()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_costs_less_than_in_diffusers_own_forward(dtype):
    ours, stock = [], []
    for seed in range(4):
        model = random_model(seed, heads=4, head_width=24, blocks=4)
        conditions, latents = shot_and_latents(seed)
        timestep = torch.tensor(250.0 * seed + 100)
        exact = forward(model, conditions, latents, timestep)[PLAIN]
        half = lowered(model, dtype)
        ours.append(
            float((forward(half, conditions, latents, timestep)[PLAIN] - exact).norm() / exact.norm())
        )
        found = stock_forward(half, conditions, latents, timestep)
        stock.append(float((found - exact).norm() / exact.norm()))
    assert 0 < sum(ours) < 0.9 * sum(stock)


def test_tokens_too_large_for_float16_are_borne():
    model = random_model(1, heads=2, head_width=12)
    for block in model.transformer.blocks:
        torch.nn.init.constant_(block.ffn.net[2].bias, 40_000.0)
        torch.nn.init.ones_(block.scale_shift_table)
    conditions, latents = shot_and_latents(1)
    half = lowered(model, torch.float16)
    exact = forward(model, conditions, latents, torch.tensor(500.0))[PLAIN]
    found = forward(half, conditions, latents, torch.tensor(500.0))[PLAIN]
    assert not stock_forward(half, conditions, latents, torch.tensor(500.0)).isfinite().all()
    assert float((found - exact).norm() / exact.norm()) < 0.01


def test_the_waves_of_a_timestep_are_the_published_ones():
    published = torch.outer(
        torch.tensor([987.6], dtype=torch.float64),
        torch.pow(10000, -torch.arange(16, dtype=torch.float64).div(16)),
    )
    expected = torch.cat([published.cos(), published.sin()], dim=1)
    found = timestep_waves(torch.tensor(987.6, dtype=torch.float64), 32)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("timestep", [0.0, 37.0, 999.9])
def test_a_timestep_is_embedded_as_in_diffusers_but_for_rounding(timestep):
    embedder = random_model(3, heads=2, head_width=12).transformer.condition_embedder
    time = torch.tensor([timestep])
    with torch.inference_mode():
        embedding, vectors = timestep_embedding(embedder, time)
        expected, expected_vectors, _, _ = embedder(time, torch.zeros(1, 1, 14))
    torch.testing.assert_close(embedding, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(vectors.flatten(1), expected_vectors, atol=1e-4, rtol=0)


def test_all_tokens_are_there_only_as_often_as_an_attention_needs(monkeypatch):
    monkeypatch.setattr(adapter_attention, "MOST_ROWS", 320)
    model = lowered(random_model(2, heads=8, head_width=64, blocks=2), torch.bfloat16)
    conditions, latents = shot_and_latents(2, rows=32, columns=40)
    one_copy = 3 * 16 * 20 * 512 * 2

    def copies(branches):
        bank = key_value_bank(model.transformer, model.projections, conditions)
        groups = {name: group_rows(conditions.regions, p) for name, p in conditions.adapters.items()}
        transformer = LockstepTransformer(
            model.transformer, AtHand(bank), tokens=TokenHandling(piece_tokens=64)
        )
        noisy = torch.cat([latents, conditions.plate_20FHW])
        with HeldMemory() as memory:
            transformer.velocities(noisy, torch.tensor(500.0), branches, groups)
        return memory.peak / one_copy

    # Two for the tokens of each branch in float32; queries, keys, values and what they find.
    assert copies([PLAIN]) < 7
    assert copies([FULL]) < 7
    assert copies([FULL, PLAIN]) < 9
