"""Requests that could never be rendered are refused when they are submitted."""

from fractions import Fraction
from pathlib import Path

import pytest

from engine.jobs.request_check import check_request
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput


def character(name, keys=1):
    box = RegionKey(frame=0, box=RegionBox(x=0, y=0, width=1, height=1))
    return CharacterInput(
        character_id=name,
        name=name,
        region=FaceRegion(shape=RegionShape.BOX, feather=0.1, keys=(box,) * keys),
    )


def test_a_proper_request_passes(make_request):
    check_request(make_request(characters=(character("Anna"), character("Ben"))))


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_count": 0},
        {"frame_count": -1},
        {"frame_count": 10**9},
        {"width": 0},
        {"width": 641},
        {"height": 100_000},
        {"frame_rate": Fraction(0)},
        {"frame_rate": Fraction(-24)},
        {"sample_rate": 0},
        {"seed": -1},
        {"seed": 2**64},
        {"request_id": ""},
        {"take_id": "x" * 1000},
        {"output_directory": Path("relative")},
        {"file_stem": ""},
        {"file_stem": ".."},
        {"file_stem": "a/b"},
        {"file_stem": "a\\b"},
        {"file_stem": "a\nb"},
        {"file_stem": ".hidden"},
        {"file_stem": "x" * 300},
        {"characters": (character("Anna"), character("Anna"))},
        {"characters": (character("Anna", keys=0),)},
    ],
    ids=str,
)
def test_a_request_that_cannot_be_rendered_is_refused_with_a_next_step(make_request, changes):
    with pytest.raises(UserError) as caught:
        check_request(make_request(**changes))
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert caught.value.report.next_step.endswith(".")


def test_a_request_of_another_schema_is_a_version_mismatch(make_request):
    with pytest.raises(UserError) as caught:
        check_request(make_request(schema=2))
    assert caught.value.report.code is ErrorCode.VERSION_MISMATCH
