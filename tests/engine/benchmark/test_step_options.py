"""What a step benchmark can be asked for."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.benchmark.step_options import AskedStep, step_options, token_grid
from engine.protocol.errors import ErrorCode, UserError


@pytest.mark.parametrize(
    ("tokens", "grid"),
    [(8000, (20, 16, 25)), (32_760, (21, 30, 52)), (4000, (20, 10, 20)), (75_600, (21, 45, 80))],
)
def test_tokens_become_the_grid_of_a_shot(tokens, grid):
    assert token_grid(tokens) == grid


@settings(max_examples=40, deadline=None)
@given(st.integers(64, 20_000))
def test_every_number_of_tokens_has_a_grid_close_to_it(tokens):
    frames, rows, columns = token_grid(tokens)
    assert abs(frames * rows * columns - tokens) <= 0.03 * tokens
    assert 1 <= frames <= 21
    assert 1 <= rows <= columns <= 3 * rows


def test_the_full_size_is_the_published_model_and_shot():
    options = step_options(AskedStep(full_size=True))
    assert (options.width, options.blocks, options.heads, options.feed_forward) == (5120, 40, 40, 13_824)
    assert (options.text_width, options.image_width, options.adapter_width) == (4096, 1280, 2048)
    assert options.tokens == 32_760


def test_heads_are_as_wide_as_the_published_ones_where_they_fit():
    assert step_options(AskedStep(width=768)).heads == 6
    assert step_options(AskedStep(width=768, heads=12)).heads == 12
    assert step_options(AskedStep(width=192)).heads == 3


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"width": 100}, "multiple of 64"),
        ({"width": 0}, "--width-model"),
        ({"width": 10_000_000}, "--width-model"),
        ({"blocks": 0}, "--blocks"),
        ({"tokens": -1}, "--tokens"),
        ({"tokens": 10**9}, "--tokens"),
        ({"heads": 7}, "4 or 8"),
        ({"heads": 0}, "4 or 8"),
        ({"text_guidance": 0.5}, "--text-guidance"),
        ({"text_guidance": float("nan")}, "--text-guidance"),
        ({"adapter_guidance": 1.0}, "--adapter-guidance"),
        ({"adapter_guidance": float("inf")}, "--adapter-guidance"),
        ({"characters": 0}, "--characters"),
        ({"tokens": 64, "characters": 8}, "--characters"),
        ({"repeats": 0}, "--repeats"),
        ({"precision": "int8"}, "bfloat16"),
        ({"precision": ""}, "--precision"),
        ({"full_size": True, "blocks": 3}, "--full-size"),
    ],
)
def test_a_value_out_of_bounds_is_told_with_what_to_choose(wrong, named):
    with pytest.raises(UserError) as caught:
        step_options(replace(AskedStep(), **wrong))
    report = caught.value.report
    assert report.code is ErrorCode.BAD_INPUT
    assert named in report.next_step
    assert report.message.endswith(".")
