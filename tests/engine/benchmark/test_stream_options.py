"""What a streaming benchmark can be asked for."""

from dataclasses import replace

import pytest

from engine.benchmark.stream_options import FULL_SIZE_BUDGETS, AskedStream, StreamPart, stream_options
from engine.protocol.errors import ErrorCode, UserError


def test_budgets_are_sizes_each_once_the_largest_first():
    options = stream_options(AskedStream(budgets=("8GB", "1.5 GiB", "12GB", "8 gb")))
    assert options.budgets == (12_000_000_000, 8_000_000_000, 1_610_612_736)


def test_the_full_size_has_the_cards_that_people_have_for_budgets():
    assert stream_options(AskedStream(full_size=True)).budgets == FULL_SIZE_BUDGETS
    assert stream_options(AskedStream(full_size=True, budgets=("10GB",))).budgets == (10_000_000_000,)
    assert stream_options(AskedStream()).budgets == ()


def test_parts_are_measured_in_one_order_however_they_are_named():
    assert stream_options(AskedStream()).parts == tuple(StreamPart)
    assert stream_options(AskedStream(only=" group,resident,,group ")).parts == (
        StreamPart.RESIDENT,
        StreamPart.GROUP,
    )


def test_the_step_has_one_clip_driven_and_one_voice_driven_character_in_two_branches():
    step = stream_options(AskedStream()).step
    assert (step.characters, step.voice) == (2, True)
    assert step.text_guidance == step.adapter_guidance > 1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"budgets": ("8",)}, "--budget"),
        ({"budgets": ("0GB",)}, "--budget"),
        ({"budgets": ("12GB", "-1GB")}, "--budget"),
        ({"budgets": ("",)}, "--budget"),
        ({"budgets": ("nanGB",)}, "--budget"),
        ({"budgets": ("9" * 60 + "GB",)}, "--budget"),
        ({"only": "everything"}, "resident, stream, group, accelerate"),
        ({"only": "stream group"}, "--only"),
        ({"width": 100}, "--width-model"),
        ({"blocks": 0}, "--blocks"),
        ({"tokens": 1}, "--tokens"),
        ({"repeats": 0}, "--repeats"),
        ({"precision": "int8"}, "--precision"),
        ({"full_size": True, "width": 128}, "--full-size"),
    ],
)
def test_a_wrong_value_is_told_with_what_to_choose(wrong, named):
    with pytest.raises(UserError) as caught:
        stream_options(replace(AskedStream(), **wrong))
    report = caught.value.report
    assert report.code is ErrorCode.BAD_INPUT
    assert named in report.next_step
    assert report.message.endswith(".")
    assert len(report.message) < 120
