"""The grid of tiles: every picture is covered, and blending changes nothing where all tiles agree."""

from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.conditioning.vae_tiles import span_shares, tile_spans, tiles_of
from engine.planning.tile_counting import LEAST_TILE_SIDE, tile_overlap
from engine.protocol.errors import BugError

lengths = st.integers(1, 200)
sides = st.integers(LEAST_TILE_SIDE, 64)
points = st.sampled_from([1, 8])


@settings(max_examples=300, deadline=None)
@given(length=lengths, side=sides)
def test_tiles_cover_a_side_from_edge_to_edge_with_enough_overlap(length, side):
    spans = tile_spans(length, side)
    assert spans[0].start == 0
    assert spans[-1].stop == length
    assert {len(span) for span in spans} == {min(side, length)}
    for span, following in pairwise(spans):
        assert span.start < following.start <= span.stop - tile_overlap(side)


@settings(max_examples=300, deadline=None)
@given(length=lengths, side=sides)
def test_no_tile_could_be_left_out(length, side):
    assume(length > side)
    tiles = len(tile_spans(length, side))
    assert (tiles - 1) * (side - tile_overlap(side)) + tile_overlap(side) < length


@settings(max_examples=300, deadline=None)
@given(length=lengths, side=st.none() | sides)
def test_a_side_no_longer_than_a_tile_is_one_tile(length, side):
    assume(side is None or length <= side)
    assert tile_spans(length, side) == [range(length)]
    (tile,) = tiles_of(length, length, side)
    assert torch.equal(tile.shares_hw, torch.ones(length, length))


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 60), columns=st.integers(1, 60), side=sides, points=points)
def test_shares_of_all_tiles_add_up_to_exactly_one_in_any_order(rows, columns, side, points):
    tiles = tiles_of(rows, columns, side, points=points)
    for order in (tiles, tiles[::-1]):
        total = torch.zeros(rows * points, columns * points)
        for tile in order:
            assert tile.shares_hw.shape == (len(tile.rows) * points, len(tile.columns) * points)
            assert tile.shares_hw.min() >= 0
            total[tile.area(points)] += tile.shares_hw
        assert torch.equal(total, torch.ones_like(total))


@settings(max_examples=300, deadline=None)
@given(length=lengths, side=sides, points=points)
def test_shares_rise_from_next_to_nothing_and_fall_as_gently(length, side, points):
    spans = tile_spans(length, side)
    step = 1 / (tile_overlap(side) * points) + 1 / 1024
    for span, shares in zip(spans, span_shares(spans, points=points), strict=True):
        assert all(change <= step for change in shares.diff().abs().tolist())
        assert span.start == 0 or shares[0] <= step / 2
        assert span.stop == length or shares[-1] <= step / 2


def test_two_tiles_that_overlap_widely_fade_in_the_middle_of_it():
    spans = tile_spans(24, 16)
    first, second = span_shares(spans)
    assert spans == [range(16), range(8, 24)]
    assert first.tolist() == [1.0] * 10 + [0.875, 0.625, 0.375, 0.125, 0.0, 0.0]
    assert torch.equal(first.flip(0), second)


@pytest.mark.parametrize("side", [LEAST_TILE_SIDE - 1, 1, 0, -16])
def test_tiles_that_are_hardly_more_than_their_overlap_are_refused(side):
    with pytest.raises(BugError, match="smaller than 8"):
        tiles_of(40, 40, side)
