"""Which second of the source a project frame shows."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.clips import (
    LAST_INSTANT_S,
    DrivingInput,
    LoopMode,
    driving_clip_at,
    natural_length_frames,
    source_time_s,
)

RATE = Fraction(24)


def clip(**changes):
    values = {
        "path": Path("clip.mp4"),
        "content_hash": "0",
        "source_in_s": Fraction(1),
        "source_out_s": Fraction(2),
        "start_frame": 10,
        "length_frames": 60,
    }
    return DrivingInput(**{**values, **changes})


def test_nothing_is_shown_outside_the_clips_place():
    assert source_time_s(clip(), 9, RATE) is None
    assert source_time_s(clip(loop_mode=LoopMode.LOOP), 70, RATE) is None


def test_the_first_frame_shows_the_in_point_and_speed_counts():
    assert source_time_s(clip(), 10, RATE) == 1
    assert source_time_s(clip(), 22, RATE) == Fraction(3, 2)
    assert source_time_s(clip(speed=Fraction(1, 2)), 34, RATE) == Fraction(3, 2)


def test_once_ends_with_its_source():
    assert source_time_s(clip(), 33, RATE) == 1 + Fraction(23, 24)
    assert source_time_s(clip(), 34, RATE) is None


def test_hold_keeps_the_last_picture():
    assert source_time_s(clip(loop_mode=LoopMode.HOLD), 60, RATE) == 2 - LAST_INSTANT_S


def test_loop_begins_again_and_ping_pong_turns_back():
    looped, returned = clip(loop_mode=LoopMode.LOOP), clip(loop_mode=LoopMode.PING_PONG)
    assert source_time_s(looped, 34, RATE) == 1
    assert source_time_s(looped, 40, RATE) == Fraction(5, 4)
    assert source_time_s(returned, 40, RATE) == Fraction(7, 4)
    assert source_time_s(returned, 58, RATE) == 1


@given(
    frame=st.integers(0, 200),
    mode=st.sampled_from(LoopMode),
    speed=st.fractions(Fraction(1, 10), Fraction(10)),
    rate=st.sampled_from([Fraction(24), Fraction(24000, 1001), Fraction(60)]),
    span=st.fractions(Fraction(1, 60), Fraction(5)),
)
def test_the_time_never_leaves_the_used_part_of_the_source(frame, mode, speed, rate, span):
    made = clip(loop_mode=mode, speed=speed, source_out_s=1 + span)
    time_s = source_time_s(made, frame, rate)
    assert time_s is None or 1 <= time_s < 1 + span


def test_where_clips_overlap_the_one_that_starts_last_drives():
    early, late = clip(start_frame=0), clip(start_frame=20)
    assert driving_clip_at([late, early], 25) is late
    assert driving_clip_at([late, early], 5) is early
    assert driving_clip_at([late, early], 90) is None


@pytest.mark.parametrize(
    ("span", "speed", "length"),
    [(Fraction(1), Fraction(1), 24), (Fraction(1), Fraction(2), 12), (Fraction(1, 99), Fraction(9), 1)],
)
def test_a_clip_is_as_long_as_its_source_at_its_speed(span, speed, length):
    assert natural_length_frames(span, speed, RATE) == length
