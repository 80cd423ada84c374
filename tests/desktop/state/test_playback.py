"""Timecode and the playhead's bounds."""

from fractions import Fraction

import pytest

from desktop.state.playback import Playback, timecode


@pytest.mark.parametrize(
    ("frame", "rate", "text"),
    [
        (0, Fraction(24), "00:00:00:00"),
        (122, Fraction(24), "00:00:05:02"),
        (3600 * 25 + 1, Fraction(25), "01:00:00:01"),
        (24, Fraction(24000, 1001), "00:00:01:00"),
        (119, Fraction(120), "00:00:00:119"),
    ],
)
def test_timecode_counts_at_the_rounded_rate(frame, rate, text):
    assert timecode(frame, rate) == text


def test_the_playhead_stays_in_the_scene_also_when_it_gets_shorter():
    playback, moves = Playback(), []
    playback.frame_changed.connect(moves.append)
    playback.set_length(100, Fraction(24))
    playback.move_to(500)
    playback.set_length(40, Fraction(24))
    playback.move_to(-3)
    assert moves == [99, 39, 0]
