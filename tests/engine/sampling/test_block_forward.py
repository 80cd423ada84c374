"""One block on the tokens of one branch."""

import pytest
import torch

from engine.networks.adapter_attention import group_rows
from engine.planning.guidance import TextRole
from engine.sampling.block_forward import (
    Arithmetic,
    BranchContext,
    Modulation,
    add_cross_attention,
    add_feed_forward,
    add_self_attention,
)
from engine.sampling.key_value_bank import key_value_bank
from tests.engine.sampling.random_shots import random_model, random_shot

FRAMES, ROWS, COLUMNS, WIDTH = 3, 4, 5, 24
COUNT = FRAMES * ROWS * COLUMNS


@pytest.fixture(scope="module")
def model():
    return random_model(1, heads=2, head_width=12, blocks=1)


@pytest.fixture(scope="module")
@torch.inference_mode()
def parts(model):
    generator = torch.Generator().manual_seed(2)
    return Modulation.of(model.transformer.blocks[0], torch.randn(1, 6, WIDTH, generator=generator))


@pytest.fixture(scope="module")
def rotary(model):
    cosines, sines = model.transformer.rope(torch.zeros(1, 36, FRAMES, 2 * ROWS, 2 * COLUMNS))
    return cosines[..., 0::2].contiguous(), sines[..., 1::2].contiguous()


@pytest.fixture(scope="module")
def context(model):
    conditions = random_shot(4, frame_count=9, rows=2 * ROWS, columns=2 * COLUMNS, people=2)
    (bank,) = key_value_bank(model.transformer, model.projections, conditions)
    adapters = [
        (group_rows(conditions.regions, people), bank.adapters[name])
        for name, people in conditions.adapters.items()
    ]
    return BranchContext(text=bank.text[TextRole.PROMPT], image=bank.image, adapters=adapters)


@pytest.fixture
def hidden():
    return torch.randn(1, COUNT, WIDTH, generator=torch.Generator().manual_seed(3))


@pytest.fixture(params=["self-attention", "cross-attention", "feed-forward"])
def layer(request, parts, rotary, context):
    """A layer of the block and what it is given besides the block and the tokens."""
    return {
        "self-attention": (add_self_attention, (parts, rotary)),
        "cross-attention": (add_cross_attention, (context,)),
        "feed-forward": (add_feed_forward, (parts,)),
    }[request.param]


def done(layer, model, hidden, piece_tokens, wrap=lambda function: function):
    function, given = layer
    changed = hidden.clone()
    arithmetic = Arithmetic(dtype=torch.float32, piece_tokens=piece_tokens)
    with torch.inference_mode():
        wrap(function)(model.transformer.blocks[0], changed, *given, arithmetic)
    return changed


@pytest.mark.parametrize("piece_tokens", [1, 7, COUNT - 1, COUNT])
def test_pieces_of_any_size_give_the_same(layer, model, hidden, piece_tokens):
    whole = done(layer, model, hidden, 10_000)
    assert (whole - hidden).abs().max() > 0.01
    torch.testing.assert_close(done(layer, model, hidden, piece_tokens), whole, atol=1e-5, rtol=0)


def test_a_layer_can_be_compiled_without_a_break(layer, model, hidden):
    compiled = done(
        layer, model, hidden, 32, wrap=lambda f: torch.compile(f, backend="eager", fullgraph=True)
    )
    assert torch.equal(compiled, done(layer, model, hidden, 32))


def test_a_block_without_adapters_is_that_of_diffusers(model, parts, rotary, context, hidden):
    """The block's own table is already in the modulation, so diffusers' block gets it back taken away."""
    block = model.transformer.blocks[0]
    conditions = random_shot(4, frame_count=9, rows=2 * ROWS, columns=2 * COLUMNS, people=2)
    embedder = model.transformer.condition_embedder
    names = ("shift", "scale", "gate", "forward_shift", "forward_scale", "forward_gate")
    vectors = torch.cat([getattr(parts, name) for name in names], dim=1) - block.scale_shift_table
    with torch.inference_mode():
        picture = embedder.image_embedder(conditions.image_tokens[None])
        text = embedder.text_embedder(conditions.text[TextRole.PROMPT][None])
        doubled = tuple(table.repeat_interleave(2, dim=-1) for table in rotary)
        expected = block(hidden, torch.cat([picture, text], dim=1), vectors, doubled)
    plain = BranchContext(text=context.text, image=context.image, adapters=[])
    found = hidden
    for layer in (
        (add_self_attention, (parts, rotary)),
        (add_cross_attention, (plain,)),
        (add_feed_forward, (parts,)),
    ):
        found = done(layer, model, found, 16)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
