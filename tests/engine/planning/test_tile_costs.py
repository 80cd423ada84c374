"""The tiles a plan counts are those that the pictures are cut into."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditioning import vae_tiles
from engine.conditioning.picture_decoding import BLEND_BYTES
from engine.planning import tile_counting, vae_memory
from engine.planning.plan_limits import SMALLEST_TILE, TILES


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 240), side=st.sampled_from(TILES))
def test_as_many_tiles_lie_along_a_side(length, side):
    assert tile_counting.tile_count(length, side) == len(vae_tiles.tile_spans(length, side))


def test_limits_are_the_same():
    assert tile_counting.LEAST_TILE_OVERLAP == vae_tiles.LEAST_OVERLAP
    assert vae_memory.BLEND_BYTES == BLEND_BYTES
    assert SMALLEST_TILE >= vae_tiles.LEAST_SIDE
