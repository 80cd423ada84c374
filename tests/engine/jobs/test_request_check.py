"""Requests that could never be rendered are refused when they are submitted."""

from fractions import Fraction
from pathlib import Path

import pytest

from engine.jobs.request_check import check_request
from engine.protocol.clips import DrivingInput, VoiceInput
from engine.protocol.curves import Channel, Curve, CurveKey, Handle
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, RendererName

NAN, INFINITE = float("nan"), float("inf")


def region(*frames, feather=0.1, **box):
    sides = {"x": 0, "y": 0, "width": 1, "height": 1, **box}
    keys = tuple(RegionKey(frame=frame, box=RegionBox(**sides)) for frame in frames)
    return FaceRegion(shape=RegionShape.BOX, feather=feather, keys=keys)


def character(name, **parts):
    return CharacterInput(character_id=name, name=name, **{"region": region(0), **parts})


def clip(kind=DrivingInput, **changes):
    values = {
        "path": Path("/media/driver.mp4"),
        "content_hash": "h",
        "source_in_s": Fraction(0),
        "source_out_s": Fraction(2),
        "start_frame": 0,
    }
    if kind is DrivingInput:
        values["length_frames"] = 48
    return kind(**{**values, **changes})


def voice(**changes):
    return clip(VoiceInput, **changes)


def curve(*keys, **handles):
    made = tuple(CurveKey(frame=frame, value=value, **handles) for frame, value in keys)
    return Curve(channel=Channel.HEAD, keys=made)


def test_a_proper_request_passes(make_request):
    check_request(make_request(characters=(character("Anna"), character("Ben"))))
    whole = character(
        "Anna",
        region=region(0, 10),
        driving=(clip(start_frame=-5, neutral_s=Fraction(1)), clip(speed=Fraction(1, 3))),
        voices=(voice(fade_in_s=Fraction(1), fade_out_s=Fraction(1), gain_db=-6.0),),
        curves=(curve((0, 0.0), (5, 2.0)),),
    )
    check_request(make_request(characters=(whole,), file_stem="\N{CJK UNIFIED IDEOGRAPH-5B89}" * 90))


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
        {"characters": (character("Anna", region=region()),)},
    ],
    ids=str,
)
def test_a_request_that_cannot_be_rendered_is_refused_with_a_next_step(make_request, changes):
    with pytest.raises(UserError) as caught:
        check_request(make_request(**changes))
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert caught.value.report.next_step.endswith(".")


@pytest.mark.parametrize(
    "parts",
    [
        {"region": region(5, 5)},
        {"region": region(5, 4)},
        {"region": region(0, feather=NAN)},
        {"region": region(0, x=NAN)},
        {"region": region(0, width=0)},
        {"region": region(0, height=INFINITE)},
        {"driving": (clip(speed=Fraction(0)),)},
        {"driving": (clip(speed=Fraction(-1)),)},
        {"driving": (clip(speed=Fraction(10**400)),)},
        {"driving": (clip(source_out_s=Fraction(0)),)},
        {"driving": (clip(source_in_s=Fraction(3)),)},
        {"driving": (clip(source_in_s=Fraction(-1)),)},
        {"driving": (clip(source_out_s=Fraction(10**400)),)},
        {"driving": (clip(length_frames=0),)},
        {"driving": (clip(length_frames=-4),)},
        {"driving": (clip(face_index=-1),)},
        {"driving": (clip(neutral_s=Fraction(-1)),)},
        {"driving": (clip(gain_db=NAN),)},
        {"driving": (clip(gain_db=200.0),)},
        {"driving": (clip(start_frame=10**30),)},
        {"voices": (voice(source_out_s=Fraction(0)),)},
        {"voices": (voice(source_in_s=Fraction(-1)),)},
        {"voices": (voice(gain_db=INFINITE),)},
        {"voices": (voice(gain_db=-500.0),)},
        {"voices": (voice(fade_in_s=Fraction(-1)),)},
        {"voices": (voice(fade_in_s=Fraction(3)),)},
        {"curves": (curve((5, 1.0), (5, 1.0)),)},
        {"curves": (curve((5, 1.0), (2, 1.0)),)},
        {"curves": (curve((0, NAN)),)},
        {"curves": (curve((0, -1.0)),)},
        {"curves": (curve((0, 1.0), handle_out=Handle(frames=INFINITE)),)},
        {"curves": (curve((0, 1.0)), curve((0, 1.0)))},
    ],
    ids=str,
)
def test_a_character_that_cannot_be_rendered_is_refused_by_name(make_request, parts):
    with pytest.raises(UserError) as caught:
        check_request(make_request(characters=(character("Anna", **parts),)))
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert "“Anna”" in caught.value.report.message
    assert caught.value.report.next_step.endswith(".")


def test_a_request_of_another_schema_is_a_version_mismatch(make_request):
    with pytest.raises(UserError) as caught:
        check_request(make_request(schema=2))
    assert caught.value.report.code is ErrorCode.VERSION_MISMATCH


def test_a_diffusion_request_needs_settings_that_can_be_rendered(make_request):
    settings = DiffusionSettings(bundle="tiny")
    check_request(make_request(renderer=RendererName.DIFFUSION, diffusion=settings))
    for wrong in (None, DiffusionSettings(bundle=""), DiffusionSettings(bundle="tiny", segment_frames=80)):
        with pytest.raises(UserError) as caught:
            check_request(make_request(renderer=RendererName.DIFFUSION, diffusion=wrong))
        assert caught.value.report.code is ErrorCode.BAD_INPUT
