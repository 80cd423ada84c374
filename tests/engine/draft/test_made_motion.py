"""Motion that is made: speech envelopes, blinks and sway, clips one after another."""

from fractions import Fraction

import numpy as np
import pytest

from engine.draft.clip_motion import ClipMotion
from engine.draft.driving_motion import DrivingMotion
from engine.draft.idle_motion import IdleMotion
from engine.draft.motion_smoothing import bridge, lost_spans, rested, smooth_over_time
from engine.draft.mouth_seam import MouthSeam
from engine.draft.procedural_face import lid_field
from engine.draft.speech_envelope import SAMPLE_RATE, STEPS_PER_S, speech_envelope
from engine.protocol.clips import LoopMode


def voice(level, seconds=1.0):
    time_s = np.arange(round(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * hertz * time_s) for hertz in (180, 360, 540, 720)) / 4
    return (level * tones)[:, None].astype(np.float32)


def test_loud_and_soft_voices_open_alike():
    pause = np.zeros((SAMPLE_RATE, 1), np.float32)
    loud, soft = (
        speech_envelope(np.concatenate([pause, voice(level), pause])).opening for level in (0.5, 0.02)
    )

    assert loud.max() == pytest.approx(soft.max(), abs=0.05)
    assert loud.max() > 0.8
    assert loud[: STEPS_PER_S - 10].max() < 0.02
    assert loud[-STEPS_PER_S // 2 :].max() < 0.02


@pytest.mark.parametrize("level", [0.0, 0.0005])
def test_silence_and_hiss_stay_closed(level):
    hiss = np.random.default_rng(1).normal(0.0, 1.0, (SAMPLE_RATE, 2)).astype(np.float32) * level

    assert speech_envelope(hiss).opening.max() < 0.05


def test_no_sound_at_all_is_a_closed_mouth():
    envelope = speech_envelope(np.zeros((0, 2), np.float32))

    assert envelope.at(0.0) == (0.0, 0.0)
    assert envelope.at(5.0) == (0.0, 0.0)


def test_blinks_come_every_three_to_six_seconds_and_are_short():
    idle = IdleMotion(5, "ada", 120.0)
    times = np.arange(0.0, 120.0, 0.005)
    closed = np.array([idle.blink(time_s) for time_s in times]) > 0.0
    starts = times[1:][np.diff(closed.astype(int)) == 1]
    ends = times[1:][np.diff(closed.astype(int)) == -1]

    gaps, lengths = np.diff(starts), ends[: len(starts)] - starts[: len(ends)]
    assert 2.99 <= gaps.min() <= gaps.max() <= 6.01
    assert 0.14 <= lengths.min() <= lengths.max() <= 0.26


def test_sway_is_small_begins_at_rest_and_has_no_jumps():
    idle = IdleMotion(5, "ada", 60.0)
    path = np.stack([idle.sway(frame / 24) for frame in range(24 * 60)])

    assert np.all(path[0] == 0.0)
    assert np.abs(path).max() < 0.02
    assert np.abs(np.diff(path, axis=0)).max() < 0.0015


def test_characters_and_seeds_idle_differently():
    def sway(seed, name):
        return IdleMotion(seed, name, 10.0).sway(5.0)

    assert np.array_equal(sway(1, "ada"), sway(1, "ada"))
    assert not np.array_equal(sway(1, "ada"), sway(2, "ada"))
    assert not np.array_equal(sway(1, "ada"), sway(1, "ben"))


def test_closing_lids_never_fold():
    y, x = np.mgrid[0:400, 0:400].astype(np.float32) / 400

    along = lid_field(x, y, 1.0) * 400

    assert np.diff(along, axis=0).min() > -0.95


def driver(frames=30, rate=10.0):
    numbers = np.arange(frames, dtype=np.float32)
    return DrivingMotion(
        times_s=numbers / rate,
        head=np.repeat(numbers[:, None] + 1.0, 4, axis=1),
        turn=np.zeros((frames, 8), np.float32),
        flow=np.broadcast_to((numbers + 1.0)[:, None, None, None], (frames, 4, 4, 2)).astype(np.float16),
        mouth_bgr=np.zeros((frames, 3, 3, 3), np.uint8),
        mouth_inside=np.zeros((frames, 3, 3), np.uint8),
        neutral_gap=np.zeros((2, 3), np.float32),
        skin_bgr=np.full(3, 120.0, np.float32),
        seam=MouthSeam.level(0.5, 0.1).numbers(),
        presence=np.ones(frames, np.float32),
        neutral_s=0.0,
        lost_s=(),
    )


def clips(*placed, frames=60):
    motion = driver()
    return ClipMotion(tuple(placed), lambda _clip: motion, Fraction(10), frames)


def value(moment):
    return 0.0 if moment.sample is None else float(moment.sample.flow[0, 0, 0])


def test_a_clip_begins_and_ends_at_rest(drive):
    motion = clips(drive(source_out_s=Fraction(3), start_frame=5, length_frames=20))

    assert [motion.at(frame).sample is None for frame in (4, 5, 24, 25)] == [True, False, False, True]
    assert value(motion.at(5)) == 0.0
    assert motion.at(5).share == 0.0
    assert value(motion.at(15)) == pytest.approx(11.0, abs=0.1)
    assert value(motion.at(24)) < 20.0


def test_a_clip_that_follows_another_takes_over_without_a_rest(drive):
    first = drive(source_out_s=Fraction(3), start_frame=0, length_frames=20)
    second = drive(source_in_s=Fraction(2), source_out_s=Fraction(3), start_frame=20, length_frames=10)
    motion = clips(first, second)

    values = [value(motion.at(frame)) for frame in range(15, 26)]

    assert min(values) > 15.0
    assert motion.at(19).share == motion.at(20).share == 1.0


def test_a_loop_comes_round_softly(drive):
    motion = clips(drive(source_out_s=Fraction(2), length_frames=50, loop_mode=LoopMode.LOOP))
    hard = abs(value(motion.at(18)) - value(motion.at(25)))

    steps = [abs(value(motion.at(frame + 1)) - value(motion.at(frame))) for frame in range(18, 24)]

    assert max(steps) < 20.0
    assert hard > 5.0


def test_a_clip_may_begin_before_the_scene(drive):
    motion = clips(drive(source_out_s=Fraction(3), start_frame=-8, length_frames=20))

    assert value(motion.at(0)) == pytest.approx(9.0, abs=0.1)


def test_bridged_values_ease_between_what_is_known():
    values = np.array([[0.0], [10.0]], np.float32)

    bridged = bridge(values, np.array([1, 5]), 8)

    assert bridged[:, 0].tolist() == [0.0, 0.0, 1.5625, 5.0, 8.4375, 10.0, 10.0, 10.0]


def test_lost_spans_run_to_where_the_face_is_back():
    lost = np.array([True, False, True, True, False, True])

    assert lost_spans(lost, np.arange(6.0), 1.0) == ((0.0, 1.0), (2.0, 4.0), (5.0, 6.0))


def test_smoothing_keeps_straight_motion_and_calms_noise():
    line = np.linspace(0.0, 1.0, 40)[:, None].astype(np.float32)
    noise = np.random.default_rng(2).normal(0.0, 0.1, (40, 1)).astype(np.float32)

    smooth = smooth_over_time(line, None, 1.0)
    calmed = smooth_over_time(noise, None, 1.0)

    assert np.abs(smooth - line)[4:-4].max() < 1e-4
    assert calmed.std() < 0.7 * noise.std()


def test_an_expression_rests_where_the_face_is_lost_for_long():
    seconds = np.arange(40) / 20

    rest = rested(seconds, np.array([0, 1, 2, 20, 21]))

    assert rest[[0, 2, 4, 20, 23]].min() > 0.95
    assert rest[32:].max() == 0.0
    assert np.abs(np.diff(rest)).max() < 0.3
