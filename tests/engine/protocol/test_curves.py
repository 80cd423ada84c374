"""Evaluating intensity curves."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.curves import Channel, Curve, CurveKey, Handle, Interpolation, neutral_value, value_at


def curve(*keys):
    return Curve(channel=Channel.MOUTH, keys=keys)


def test_a_channel_without_keys_is_neutral():
    assert value_at(None, 10, Channel.MOUTH) == 1.0
    assert value_at(None, 10, Channel.BODY_MOTION) == neutral_value(Channel.BODY_MOTION) == 0.5


def test_a_curve_keeps_its_first_and_last_value_outside_its_keys():
    made = curve(CurveKey(frame=10, value=0.2), CurveKey(frame=20, value=1.4))
    assert value_at(made, 0, Channel.MOUTH) == 0.2
    assert value_at(made, 99, Channel.MOUTH) == 1.4


def test_linear_travels_evenly_and_hold_waits():
    keys = (
        CurveKey(frame=0, value=0.0),
        CurveKey(frame=10, value=1.0, interpolation=Interpolation.HOLD),
        CurveKey(frame=20, value=2.0),
    )
    assert value_at(curve(*keys), 4, Channel.MOUTH) == pytest.approx(0.4)
    assert value_at(curve(*keys), 19, Channel.MOUTH) == 1.0
    assert value_at(curve(*keys), 20, Channel.MOUTH) == 2.0


def test_level_bezier_handles_ease_in_and_out():
    made = curve(
        CurveKey(frame=0, value=0.0, interpolation=Interpolation.BEZIER, handle_out=Handle(frames=10)),
        CurveKey(frame=30, value=1.0, handle_in=Handle(frames=-10)),
    )
    assert value_at(made, 15, Channel.MOUTH) == pytest.approx(0.5)
    assert value_at(made, 3, Channel.MOUTH) < 0.1
    assert value_at(made, 27, Channel.MOUTH) > 0.9


def test_a_bezier_with_handles_on_the_straight_line_is_linear():
    made = curve(
        CurveKey(
            frame=0, value=0.0, interpolation=Interpolation.BEZIER, handle_out=Handle(frames=10, value=1.0)
        ),
        CurveKey(frame=30, value=3.0, handle_in=Handle(frames=-10, value=-1.0)),
    )
    for frame in range(31):
        assert value_at(made, frame, Channel.MOUTH) == pytest.approx(frame / 10, abs=1e-9)


@given(
    out_frames=st.floats(-50, 200),
    in_frames=st.floats(-200, 50),
    frames=st.lists(st.floats(0, 40), min_size=2, max_size=8),
)
def test_a_bezier_with_level_handles_never_runs_backwards(out_frames, in_frames, frames):
    made = curve(
        CurveKey(
            frame=0, value=0.0, interpolation=Interpolation.BEZIER, handle_out=Handle(frames=out_frames)
        ),
        CurveKey(frame=40, value=1.0, handle_in=Handle(frames=in_frames)),
    )
    values = [value_at(made, frame, Channel.MOUTH) for frame in sorted(frames)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(values))
    assert all(0.0 <= value <= 1.0 for value in values)
