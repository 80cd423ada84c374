"""The project file and the engine name the same things by the same words, though neither knows the other."""

import pytest

from engine.protocol import clips, curves, regions
from projects_db import records


@pytest.mark.parametrize(
    ("stored", "spoken"),
    [
        (records.Channel, curves.Channel),
        (records.Interpolation, curves.Interpolation),
        (records.LoopMode, clips.LoopMode),
        (records.RegionShape, regions.RegionShape),
    ],
)
def test_choices_have_the_same_values_on_both_sides(stored, spoken):
    assert [choice.value for choice in stored] == [choice.value for choice in spoken]
