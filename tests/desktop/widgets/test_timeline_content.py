"""Lanes find what is visible by bisection; drags preview without touching what was."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from desktop.widgets.timeline.content import Lane, LaneKind, TimelineClip, TimelineContent
from desktop.widgets.timeline.gestures import Drag, DragKind, previewed, snapped_shift
from desktop.widgets.timeline.scale import TimeScale


def clip(clip_id, start, length):
    return TimelineClip(
        clip_id=clip_id,
        start=start,
        length=length,
        label=clip_id,
        art_id="",
        is_sound=False,
        source_time_s=float,
    )


def lane(*clips):
    ordered = tuple(sorted(clips, key=lambda one: one.start))
    return Lane(lane_id="a", track_id="t", kind=LaneKind.CLIPS, title="Ada", colour="#3fc3ad", clips=ordered)


spans = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 120)), max_size=30)


@given(spans, st.integers(0, 400), st.integers(0, 100))
def test_visible_clips_are_those_that_touch_the_range(places, first, width):
    clips = [clip(str(number), *place) for number, place in enumerate(places)]
    found = lane(*clips).visible_clips(first, first + width)
    expected = [one for one in clips if one.start <= first + width and one.end >= first]
    assert sorted(one.clip_id for one in found) == sorted(one.clip_id for one in expected)


def test_a_previewed_move_shows_the_same_pictures_elsewhere():
    content = TimelineContent(lanes=(lane(clip("c", 10, 20)),), length=100)
    drag = Drag(kind=DragKind.MOVE, origin_x=0, origin_y=0, clip_ids=frozenset({"c"}), shift=5, moved=True)
    moved = previewed(content, drag).clip("c")
    assert (moved.start, moved.length) == (15, 20)
    assert moved.source_time_s(15) == 10
    assert content.clip("c").start == 10


def test_edges_snap_to_the_playhead_to_other_clips_and_to_the_scenes_end():
    content = TimelineContent(lanes=(lane(clip("c", 10, 20), clip("d", 60, 10)),), length=100)

    def snapped(shift, kind=DragKind.MOVE):
        drag = Drag(kind=kind, origin_x=0, origin_y=0, clip_ids=frozenset({"c"}), shift=shift, moved=True)
        return snapped_shift(content, drag, 45, 3)

    assert snapped(17) == 15
    assert snapped(28) == 30
    assert snapped(68) == 70
    assert snapped(5) == 5
    assert snapped(-9, DragKind.TRIM_START) == -10


def test_marks_never_crowd_and_fall_on_whole_seconds_when_far_out():
    for px_per_frame in (0.02, 0.3, 1, 4, 40):
        scale = TimeScale(px_per_frame=px_per_frame, left=0)
        step = scale.mark_step(Fraction(24))
        assert step * px_per_frame >= 96 or step == 24 * 3600
        if step > 24:
            assert step % 24 == 0
