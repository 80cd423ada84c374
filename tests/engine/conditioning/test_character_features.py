"""A character's expression on the transformer's clock."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditioning.channel_gains import PARTS, strength_per_latent_frame
from engine.conditioning.character_features import features_at_model_frames
from engine.conditioning.clip_expression import neutral_features
from engine.conditioning.driven_instants import driven_instants
from engine.conditioning.expression_track import ExpressionTrack
from engine.networks.expression_encoder import FEATURE_SIZE
from engine.planning.model_time import model_time
from engine.protocol.clips import DrivingInput, LoopMode, driving_clip_at, source_time_s
from engine.protocol.curves import Channel, Curve, CurveKey, Handle, Interpolation
from engine.protocol.errors import BugError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput

RATE = Fraction(24)
REGION = FaceRegion(
    shape=RegionShape.BOX,
    feather=0.0,
    keys=(RegionKey(frame=0, box=RegionBox(x=0.0, y=0.0, width=1.0, height=1.0)),),
)


def clip(**changes):
    values = {
        "path": Path("laughing.mp4"),
        "content_hash": "",
        "source_in_s": Fraction(0),
        "source_out_s": Fraction(2),
        "start_frame": 0,
        "length_frames": 48,
    }
    return DrivingInput(**{**values, **changes})


def track(frames=48, rate=24, seed=0, features=None):
    """A driver of random expressions, or of given ones [T, 554]."""
    if features is None:
        features = np.random.default_rng(seed).normal(size=(frames, FEATURE_SIZE))
    times = [float(Fraction(frame, rate)) for frame in range(len(features))]
    return ExpressionTrack(
        times_s=np.array(times),
        features_TE=torch.tensor(np.asarray(features), dtype=torch.float32),
        found_T=np.ones(len(features), bool),
        boxes_T4=np.zeros((len(features), 4)),
        report=(),
    )


def ramp(frames, rate=24):
    """A driver each of whose numbers is the second it is at."""
    return track(rate=rate, features=np.repeat(np.arange(frames)[:, None] / rate, FEATURE_SIZE, axis=1))


def character(*clips, curves=()):
    return CharacterInput(character_id="a", name="Anna", region=REGION, driving=clips, curves=curves)


def constant(channel, value):
    return Curve(channel=channel, keys=(CurveKey(frame=3, value=value),))


def test_at_one_rate_each_frame_takes_the_source_frame_that_belongs_to_it():
    driver, time = track(), model_time(RATE, 45, RATE)

    made = features_at_model_frames(character(clip()), [driver], time)

    assert made.features_TE.dtype == torch.float32
    assert torch.equal(made.features_TE, driver.features_TE[:45])
    assert made.report == ()


def test_at_another_rate_features_are_interpolated_at_the_frame_s_own_instant():
    time = model_time(RATE, 40, Fraction(23))

    made = features_at_model_frames(character(clip(source_out_s=Fraction(3))), [ramp(72)], time)

    expected = [frame / 23 for frame in range(time.model_frame_count)]
    np.testing.assert_allclose(made.features_TE[:, 100].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("mode", list(LoopMode))
@pytest.mark.parametrize("speed", [Fraction(1), Fraction(1, 2), Fraction(7, 3)])
def test_speed_and_loop_modes_come_through_source_time(mode, speed):
    one = clip(source_in_s=Fraction(1, 4), source_out_s=Fraction(5, 4), loop_mode=mode, speed=speed,
               start_frame=2, length_frames=90)  # fmt: skip
    instants = driven_instants([one], model_time(RATE, 89, RATE))

    expected = [source_time_s(one, frame, RATE) for frame in range(89)]
    assert [instant and instant.source_s for instant in instants] == expected


@given(
    start=st.integers(-30, 30), length=st.integers(1, 60), speed=st.fractions(Fraction(1, 5), 4),
    mode=st.sampled_from(LoopMode), model_rate=st.sampled_from([16, 23, 25, 30]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_between_project_frames_the_source_goes_on_evenly(start, length, speed, mode, model_rate):
    one = clip(start_frame=start, length_frames=length, speed=speed.limit_denominator(50), loop_mode=mode)
    time = model_time(RATE, 33, Fraction(model_rate))

    for frame, instant in enumerate(driven_instants([one], time)[: time.shot_model_frames - 1]):
        position = time.exact_project_position(frame)
        covered = start <= position < start + length
        elapsed = (position - start) / RATE * one.speed
        if not covered:
            assert instant is None
        elif elapsed < 2 - Fraction(1, 1000):
            assert instant.source_s == elapsed
        else:
            assert (instant is None) == (mode is LoopMode.ONCE)
            assert instant is None or 0 <= instant.source_s < 2


def test_the_clip_that_starts_last_wins_and_behind_the_shot_it_goes_on_or_is_held():
    clips = [clip(length_frames=10), clip(start_frame=4, length_frames=3)]
    time = model_time(RATE, 10, RATE)

    numbers = [instant.clip for instant in driven_instants(clips, time)]

    assert numbers[:10] == [clips.index(driving_clip_at(clips, frame)) for frame in range(10)]
    assert time.model_frame_count == 13
    assert [driven_instants(clips, time)[frame].source_s for frame in (10, 12)] == [Fraction(9, 24)] * 2
    longer = driven_instants([clip()], time)
    assert [longer[frame].source_s for frame in (10, 12)] == [Fraction(10, 24), Fraction(12, 24)]


def test_frames_before_and_behind_a_trim_never_show():
    features = np.zeros((48, FEATURE_SIZE))
    features[:12] = features[36:] = 1000.0
    trimmed = clip(source_in_s=Fraction(1, 2), source_out_s=Fraction(3, 2), loop_mode=LoopMode.PING_PONG)

    made = features_at_model_frames(
        character(trimmed), [track(features=features)], model_time(RATE, 48, Fraction(23))
    )

    assert not made.features_TE.any()


def test_without_a_driving_clip_there_are_no_features():
    assert features_at_model_frames(character(), [], model_time(RATE, 9, RATE)) is None


def test_where_nothing_drives_the_nearest_neutral_is_held_and_reached_without_a_jump():
    first = clip(length_frames=24, neutral_s=Fraction(0))
    second = clip(start_frame=72, length_frames=25, neutral_s=Fraction(0))
    drivers = [
        track(features=np.full((48, FEATURE_SIZE), 5.0)),
        track(features=np.full((48, FEATURE_SIZE), 9.0)),
    ]
    drivers[0].features_TE[0], drivers[1].features_TE[0] = 1.0, 3.0
    time = model_time(RATE, 97, RATE)

    made = features_at_model_frames(character(first, second), drivers, time)

    course = made.features_TE[:, 7].numpy()
    assert (course[1:24] == 5.0).all()
    assert (course[73:] == 9.0).all()
    np.testing.assert_allclose(course[29:44], 1.0, atol=1e-6)
    np.testing.assert_allclose(course[52:72], 3.0, atol=1e-6)
    assert abs(np.diff(course[1:72])).max() < 1.0
    assert made.report == ("Nothing drives “Anna” for 2.00 s; the neutral expression is held there.",)


def test_a_short_gap_is_crossed_straight():
    clips = [clip(length_frames=10), clip(start_frame=12, length_frames=33)]
    drivers = [track(features=np.full((48, FEATURE_SIZE), value)) for value in (0.0, 6.0)]

    made = features_at_model_frames(character(*clips), drivers, model_time(RATE, 45, RATE))

    np.testing.assert_allclose(made.features_TE[9:13, 0].numpy(), [0, 2, 4, 6], atol=1e-6)


def test_clips_that_all_lie_elsewhere_leave_the_neutral_of_the_nearest():
    clips = [clip(start_frame=500), clip(start_frame=60)]
    drivers = [track(features=np.full((48, FEATURE_SIZE), value)) for value in (1.0, 2.0)]

    made = features_at_model_frames(character(*clips), drivers, model_time(RATE, 49, RATE))

    assert (made.features_TE == 2.0).all()
    assert "plays in this shot" in made.report[0]


def test_the_neutral_is_the_chosen_instant_or_a_real_frame_near_the_median():
    features = np.random.default_rng(1).normal(size=(24, FEATURE_SIZE))
    features[5] = 0.0
    features[9] = np.median(features, axis=0)
    driver = track(features=features)
    driver.found_T[9] = False
    driver.found_T[5] = True
    driver.features_TE[9] = 0.0

    calmest = neutral_features(clip(source_out_s=Fraction(1)), driver)
    chosen = neutral_features(clip(neutral_s=Fraction(7, 24), source_in_s=Fraction(1, 2)), driver)

    assert np.array_equal(calmest, driver.features_TE[5].double().numpy())
    assert np.array_equal(chosen, driver.features_TE[7].double().numpy())


def test_the_many_numbers_of_the_mouth_do_not_choose_the_neutral_alone():
    random = np.random.default_rng(2)
    features = random.normal(size=(30, FEATURE_SIZE))
    features[:, :42] *= 0.01
    features[3, :42], features[3, 42:] = 0.0, 0.6 * features[3, 42:]
    features[4, :42], features[4, 42:] = 0.08, 0.5 * features[4, 42:]

    assert np.allclose(neutral_features(clip(), track(features=features)), features[3], atol=1e-6)


def test_a_neutral_outside_the_analysis_is_told():
    made = features_at_model_frames(
        character(clip(neutral_s=Fraction(90))), [track()], model_time(RATE, 45, RATE)
    )

    assert "outside the part that was analysed" in made.report[0]


GAINS = st.floats(0.0, 3.0, allow_subnormal=False)


@given(seed=st.integers(0, 50), channel=st.sampled_from(list(PARTS)))
@settings(max_examples=25, deadline=None)
def test_a_gain_of_one_changes_nothing_and_a_gain_of_nothing_leaves_the_neutral(seed, channel):
    driver, time, one = track(seed=seed), model_time(RATE, 30, Fraction(23)), clip(neutral_s=Fraction(1, 3))
    plain = features_at_model_frames(character(one), [driver], time).features_TE

    same = features_at_model_frames(character(one, curves=(constant(channel, 1.0),)), [driver], time)
    still = features_at_model_frames(character(one, curves=(constant(channel, 0.0),)), [driver], time)

    part = PARTS[channel]
    assert torch.equal(same.features_TE, plain)
    assert torch.equal(
        still.features_TE[:, part], driver.features_TE[8, part].expand(time.model_frame_count, -1)
    )
    others = torch.ones(FEATURE_SIZE, dtype=torch.bool)
    others[part] = False
    assert torch.equal(still.features_TE[:, others], plain[:, others])


@given(gain=GAINS, channel=st.sampled_from(list(PARTS)))
@settings(max_examples=25, deadline=None)
def test_a_gain_scales_the_distance_from_the_neutral(gain, channel):
    driver, time, one = track(), model_time(RATE, 20, RATE), clip(neutral_s=Fraction(1, 3))
    neutral = driver.features_TE[8]

    made = features_at_model_frames(character(one, curves=(constant(channel, gain),)), [driver], time)

    part = PARTS[channel]
    expected = neutral + gain * (driver.features_TE[: time.model_frame_count] - neutral)
    torch.testing.assert_close(made.features_TE[:, part], expected[:, part], atol=1e-5, rtol=1e-5)


@given(value=GAINS, count=st.integers(1, 90), rate=st.sampled_from([16, 23, 24, 30]))
@settings(max_examples=40, deadline=None)
def test_a_constant_curve_is_a_constant_strength(value, count, rate):
    time = model_time(RATE, count, Fraction(rate))

    strength = strength_per_latent_frame(constant(Channel.VOICE, value), Channel.VOICE, time)
    without = strength_per_latent_frame(None, Channel.VOICE, time)

    assert strength.dtype == np.float32
    assert np.allclose(strength, value, atol=1e-6)
    assert strength.shape == (time.latent_frames,)
    assert np.array_equal(without, np.ones(time.latent_frames, np.float32))


def test_strength_is_the_mean_over_the_model_frames_of_a_latent_frame():
    curve = Curve(
        channel=Channel.EXPRESSION, keys=(CurveKey(frame=0, value=0.0), CurveKey(frame=8, value=8.0))
    )

    strength = strength_per_latent_frame(curve, Channel.EXPRESSION, model_time(RATE, 13, RATE))

    assert strength.tolist() == [0.0, 2.5, 6.5, 8.0]


def test_a_curve_that_swings_below_nothing_stays_at_nothing():
    keys = (
        CurveKey(
            frame=0, value=0.0, interpolation=Interpolation.BEZIER, handle_out=Handle(frames=4, value=-9)
        ),
        CurveKey(frame=8, value=0.0, handle_in=Handle(frames=-4, value=-9)),
    )

    strength = strength_per_latent_frame(
        Curve(channel=Channel.EXPRESSION, keys=keys), Channel.EXPRESSION, model_time(RATE, 9, RATE)
    )

    assert strength.tolist() == [0.0, 0.0, 0.0]


def test_tracks_that_do_not_belong_to_the_clips_are_a_bug():
    with pytest.raises(BugError, match="0 tracks for 1"):
        features_at_model_frames(character(clip()), [], model_time(RATE, 9, RATE))
