"""The whole transformer against a dense reference, at any size, length, number of heads and of characters."""

from dataclasses import replace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.memory.lending import AtHand
from engine.networks.adapter_attention import group_rows
from engine.networks.shot_tokens import TokenRegions
from engine.planning.guidance import Branch, GuidanceScales, TextRole
from engine.sampling.guided_velocity import GuidedVelocity
from engine.sampling.key_value_bank import key_value_bank
from engine.sampling.lockstep import LockstepTransformer
from tests.engine.sampling.dense_transformer import dense_forward, densely_guided
from tests.engine.sampling.random_shots import EXPRESSION, VOICE, random_model, random_shot

FULL = Branch(text=TextRole.PROMPT, adapters=frozenset({EXPRESSION, VOICE}))
MOST_SCORES = 12_000_000
"""How many scores of one dense mask a test computes: the longer the shot, the smaller its picture."""


def sizes(frame_count, people, heads):
    """Rows and columns of latents that are not square and that the dense reference can bear."""
    frames = (frame_count - 1) // 4 + 1
    pairs = [(h, w) for h in (2, 4, 6, 8) for w in (2, 4, 6, 8) if h != w]
    return [(h, w) for h, w in pairs if (frames * h * w // 4) * (people * frames * 97) * heads <= MOST_SCORES]


@st.composite
def drawn_shots(draw):
    """The numbers that make a shot."""
    frame_count = 4 * draw(st.integers(1, 50)) + 1
    heads = draw(st.integers(1, 6))
    people = draw(st.integers(1, 5).filter(lambda people: sizes(frame_count, people, heads)))
    rows, columns = draw(st.sampled_from(sizes(frame_count, people, heads)))
    return {
        "seed": draw(st.integers(0, 2**31)),
        "heads": heads,
        "head_width": draw(st.sampled_from([6, 10, 12, 16, 18, 24, 32])),
        "frame_count": frame_count,
        "rows": rows,
        "columns": columns,
        "people": people,
        "feathered": draw(st.booleans()),
    }


def shot(**changes):
    """Numbers of a shot by hand."""
    values = {
        "seed": 1,
        "heads": 2,
        "head_width": 12,
        "frame_count": 17,
        "rows": 4,
        "columns": 6,
        "people": 3,
    }
    return {**values, "feathered": True, **changes}


def made(numbers):
    """The model, the shot, its noisy latents and a timestep."""
    seed = numbers["seed"]
    model = random_model(seed, heads=numbers["heads"], head_width=numbers["head_width"])
    names = ("frame_count", "rows", "columns", "people", "feathered")
    conditions = random_shot(seed, **{name: numbers[name] for name in names})
    generator = torch.Generator().manual_seed(seed + 1)
    latents = torch.randn(16, *conditions.plate_20FHW.shape[1:], generator=generator)
    return model, conditions, latents, 1000 * torch.rand((), generator=generator)


def flipped(regions):
    """The regions read from the last token to the first."""
    return TokenRegions(owner_FS=regions.owner_FS.flip(1), share_FS=regions.share_FS.flip(1))


def with_each(conditions, change):
    """The conditions with every character's tokens changed."""
    adapters = {
        name: {label: change(tokens) for label, tokens in people.items()}
        for name, people in conditions.adapters.items()
    }
    return replace(conditions, adapters=adapters)


def error(found, expected):
    """The largest difference where the expected output has a standard deviation of 1."""
    return float((found - expected).abs().max() / expected.std())


def forward(model, conditions, latents, timestep, branch):
    """One forward of ours."""
    bank = key_value_bank(model.transformer, model.projections, conditions)
    groups = {name: group_rows(conditions.regions, people) for name, people in conditions.adapters.items()}
    noisy = torch.cat([latents, conditions.plate_20FHW])
    return LockstepTransformer(model.transformer, AtHand(bank)).velocities(noisy, timestep, [branch], groups)[
        branch
    ]


@given(numbers=drawn_shots())
@example(numbers=shot(frame_count=5, rows=8, columns=6, people=5))
@example(numbers=shot(frame_count=201, rows=2, columns=4, people=2))
@settings(max_examples=20, deadline=None)
def test_a_forward_equals_the_dense_one(numbers):
    model, conditions, latents, timestep = made(numbers)
    found = forward(model, conditions, latents, timestep, FULL)
    expected = dense_forward(model, conditions, latents, timestep, FULL.text, FULL.adapters)
    assert error(found, expected) < 1e-4


@given(
    numbers=drawn_shots(),
    text=st.sampled_from([0.5, 1.0, 5.0]),
    adapters=st.sampled_from([0.0, 0.7, 1.0, 4.0, 5.0]),
    voice=st.sampled_from([None, 0.0, 5.0, 6.0]),
)
@example(numbers=shot(), text=5.0, adapters=5.0, voice=None)
@example(numbers=shot(), text=5.0, adapters=4.0, voice=6.0)
@settings(max_examples=15, deadline=None)
def test_a_guided_velocity_equals_the_published_sum_of_dense_forwards(numbers, text, adapters, voice):
    model, conditions, latents, timestep = made(numbers)
    scales = GuidanceScales(text=text, adapters=adapters, voice=voice)
    found = GuidedVelocity(model, conditions, scales, steps=1)(latents, timestep, 0)
    expected = densely_guided(model, conditions, latents, timestep, scales)
    assert error(found, expected) < 1e-4


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, regions=flipped(c.regions)),
        lambda c: replace(c, adapters={**c.adapters, VOICE: {}}),
        lambda c: replace(c, adapters={**c.adapters, EXPRESSION: {}}),
        lambda c: replace(c, regions=replace(c.regions, share_FS=c.regions.share_FS.round())),
        lambda c: with_each(c, lambda tokens: replace(tokens, strength_F=tokens.strength_F.round())),
        lambda c: with_each(c, lambda tokens: replace(tokens, present_F=~tokens.present_F)),
    ],
    ids=["other regions", "no voices", "no clips", "no feather", "other strengths", "other presence"],
)
def test_the_reference_tells_apart_what_the_rule_tells_apart(change):
    model, conditions, latents, timestep = made(shot())
    expected = dense_forward(model, conditions, latents, timestep, FULL.text, FULL.adapters)
    assert error(forward(model, change(conditions), latents, timestep, FULL), expected) > 0.01
