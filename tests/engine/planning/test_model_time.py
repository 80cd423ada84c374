"""The shot on the project's clock and on the transformer's."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.model_time import choose_model_rate, model_time
from engine.protocol.clips import VoiceInput
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput

RATES = st.sampled_from(
    [Fraction(text) for text in ("16", "23", "24", "25", "30", "50", "12", "24000/1001", "30000/1001", "1")]
)
REGION = FaceRegion(
    shape=RegionShape.BOX,
    feather=0.0,
    keys=(RegionKey(frame=0, box=RegionBox(x=0.0, y=0.0, width=1.0, height=1.0)),),
)
VOICE = VoiceInput(
    path=Path("line.wav"), content_hash="", source_in_s=Fraction(0), source_out_s=Fraction(1), start_frame=0
)


@given(project_rate=RATES, count=st.integers(1, 700), model_rate=RATES)
@settings(max_examples=150, deadline=None)
def test_the_last_model_frame_of_the_shot_just_reaches_the_last_project_frame(
    project_rate, count, model_rate
):
    time = model_time(project_rate, count, model_rate)

    last = time.shot_model_frames - 1
    assert time.exact_project_position(last) >= count - 1
    assert last == 0 or time.exact_project_position(last - 1) < count - 1
    assert time.model_frame_count % 4 == 1
    assert 0 <= time.padding_frames <= 3
    assert time.latent_frames == (time.model_frame_count - 1) // 4 + 1


@given(project_rate=RATES, count=st.integers(1, 200), model_rate=RATES)
@settings(max_examples=60, deadline=None)
def test_both_clocks_agree_and_latent_frames_hold_every_model_frame_once(project_rate, count, model_rate):
    time = model_time(project_rate, count, model_rate)

    positions = time.model_positions()
    assert len(positions) == count
    assert all(
        time.project_position(frame) == float(time.exact_project_position(frame)) for frame in range(9)
    )
    assert [position / model_rate * project_rate for position in positions] == list(range(count))
    held = [frame for latent in range(time.latent_frames) for frame in time.latent_span(latent)]
    assert held == list(range(time.model_frame_count))


def test_at_one_rate_frames_lie_on_frames_and_81_need_no_padding():
    time = model_time(Fraction(24), 81, Fraction(24))

    assert time.model_positions() == list(range(81))
    assert (time.model_frame_count, time.padding_frames, time.notes()) == (81, 0, ())


def test_the_take_is_told_what_was_cut_off_and_that_the_rate_is_another():
    time = model_time(Fraction(24000, 1001), 86, Fraction(23))

    assert (time.model_frame_count, time.padding_frames) == (85, 2)
    assert time.notes() == (
        "The frames were brought from 23 to 23.976 fps along the motion between them.",
        "Rendered 85 frames at 23 fps, 2 of them cut off again: the transformer makes 4k+1 frames.",
    )


@pytest.mark.parametrize(
    ("project", "model"),
    [("50", "25"), ("60", "30"), ("60000/1001", "30000/1001"), ("120", "30"), ("12", "24"), ("15", "30"),
     ("5", "20"), ("16", "16"), ("24000/1001", "24000/1001"), ("31", "31"), ("31/2", "31/2")],
)  # fmt: skip
def test_without_voice_the_rate_stays_near_what_the_weights_know(make_request, project, model):
    request = make_request(frame_rate=Fraction(project))

    assert choose_model_rate(request, Fraction(23)) == Fraction(model)


def test_a_voice_brings_its_rate_and_the_setting_overrules_it(make_request):
    speaker = CharacterInput(character_id="a", name="Anna", region=REGION, voices=(VOICE,))
    request = make_request(characters=(speaker,))
    asked = replace(request, diffusion=DiffusionSettings(bundle="b", model_frame_rate=Fraction(20)))

    assert choose_model_rate(request, Fraction(23)) == 23
    assert choose_model_rate(request, None) == 24
    assert choose_model_rate(asked, Fraction(23)) == 20


@pytest.mark.parametrize(
    ("rate", "count", "said"),
    [
        (Fraction(0), 5, "cannot be 0"),
        (Fraction(-3), 5, "-3"),
        (Fraction(121), 5, "cannot be 121"),
        (Fraction(1, 2), 5, "cannot be 0.5"),
        (Fraction(24), 0, "no frames"),
    ],
)
def test_an_impossible_shot_is_refused_with_a_sentence(rate, count, said):
    with pytest.raises(UserError, match=said) as refusal:
        model_time(Fraction(24), count, rate)

    assert refusal.value.report.code is ErrorCode.BAD_INPUT


def test_a_project_may_be_faster_than_any_transformer_but_not_without_frames_a_second():
    assert model_time(Fraction(1000), 1000, Fraction(30)).model_frame_count == 33
    with pytest.raises(UserError, match="The project's frame rate cannot be 0"):
        model_time(Fraction(0), 5, Fraction(24))
