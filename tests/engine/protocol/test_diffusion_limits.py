"""What the diffusion renderer cannot do is said in a sentence that names the value and what to choose."""

from dataclasses import replace
from fractions import Fraction
from math import inf, nan

import pytest

from engine.protocol.diffusion_limits import check_diffusion
from engine.protocol.diffusion_settings import DiffusionSettings, GuidanceSettings, LongShotMode
from engine.protocol.errors import ErrorCode, UserError

USUAL = DiffusionSettings(bundle="tiny")


def refusal(settings):
    with pytest.raises(UserError) as caught:
        check_diffusion(settings)
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    return str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"steps": 1},
        {"steps": 200},
        {"segment_frames": 5, "overlap_frames": 1},
        {"segment_frames": 201, "overlap_frames": 197},
        {"long_shot": LongShotMode.CONTEXT_WINDOWS, "overlap_frames": 16},
        {"long_shot": LongShotMode.CONTEXT_WINDOWS, "segment_frames": 5, "overlap_frames": 4},
        {"model_frame_rate": Fraction(24000, 1001)},
        {"guidance": GuidanceSettings(text_scale=0.0, adapter_scale=20.0, voice_scale=4.5)},
        {"guidance": GuidanceSettings(start_percent=99.5, end_percent=100.0)},
    ],
)
def test_what_can_be_rendered_passes(changes):
    check_diffusion(replace(USUAL, **changes))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"bundle": " "}, "bundle"),
        ({"steps": 0}, "0 steps"),
        ({"steps": 201}, "1 to 200"),
        ({"flow_shift": 0.0}, "flow shift"),
        ({"flow_shift": nan}, "nan"),
        ({"model_frame_rate": Fraction(0)}, "frames a second"),
        ({"model_frame_rate": Fraction(10**30)}, "1 to 120"),
        ({"segment_frames": 4}, "multiple of 4"),
        ({"segment_frames": 80}, "80 frames"),
        ({"segment_frames": 205}, "201"),
        ({"segment_frames": 1}, "1 frames"),
        ({"overlap_frames": 12}, "overlap by 12"),
        ({"overlap_frames": -3}, "-3"),
        ({"overlap_frames": 81}, "below"),
        ({"long_shot": LongShotMode.CONTEXT_WINDOWS, "overlap_frames": 13}, "4, 8, 12"),
        ({"long_shot": LongShotMode.CONTEXT_WINDOWS, "overlap_frames": 0}, "4, 8, 12"),
        ({"long_shot": LongShotMode.CONTEXT_WINDOWS, "overlap_frames": 84}, "below"),
        ({"guidance": GuidanceSettings(text_scale=20.5)}, "text guidance"),
        ({"guidance": GuidanceSettings(adapter_scale=-1.0)}, "adapter guidance"),
        ({"guidance": GuidanceSettings(voice_scale=inf)}, "voice guidance"),
        ({"guidance": GuidanceSettings(start_percent=-1.0)}, "start at -1"),
        ({"guidance": GuidanceSettings(end_percent=nan)}, "end at nan"),
        ({"guidance": GuidanceSettings(start_percent=50.0, end_percent=50.0)}, "starts at 50"),
    ],
)
def test_what_cannot_be_rendered_is_named(changes, word):
    assert word in refusal(replace(USUAL, **changes))
