"""Clips can be trimmed and slipped only as far as their source reaches."""

from fractions import Fraction
from pathlib import Path

import pytest

from engine.protocol.clips import DrivingInput, source_time_s
from engine.protocol.clips import LoopMode as EngineLoopMode
from projects_db.records import LoopMode


@pytest.fixture
def driving(opened):
    return lambda: opened.desk.session.scene.characters[0].driving_clips[0]


@pytest.fixture
def voice(opened):
    return lambda: opened.desk.session.scene.characters[1].voice_clips[0]


def test_a_clip_moves_no_farther_left_than_the_scene(opened, driving):
    opened.desk.clips.move(frozenset({driving().id}), -500)
    assert driving().start_frame == 0


def test_trimming_the_start_keeps_the_end_and_the_pictures_in_place(opened, driving):
    before = driving()
    opened.desk.clips.trim_start(before.id, 12)
    assert driving().start_frame == before.start_frame + 12
    assert driving().length_frames == before.length_frames - 12
    assert driving().source_in_s == Fraction(1, 2)


def test_a_clip_that_plays_once_is_no_longer_than_its_source(opened, driving):
    before = driving()
    opened.desk.clips.trim_end(before.id, 500)
    assert driving() == before
    opened.desk.clips.trim_end(before.id, -48)
    assert driving().source_out_s == before.source_out_s - 2
    opened.desk.clips.trim_end(before.id, 500)
    assert driving().length_frames == before.length_frames


def test_a_looped_clip_can_be_as_long_as_wanted(opened, driving):
    opened.desk.clips.set_loop_mode(driving().id, LoopMode.LOOP)
    opened.desk.clips.trim_end(driving().id, 500)
    assert driving().length_frames == 596
    assert driving().source_out_s == 4


def test_a_clip_keeps_at_least_one_frame(opened, driving, voice):
    opened.desk.clips.trim_start(driving().id, 5000)
    assert driving().length_frames == 1
    opened.desk.clips.trim_end(voice().id, -5000)
    assert voice().source_out_s > voice().source_in_s


def test_slipping_stops_at_the_ends_of_the_source(opened, driving):
    clip = driving()
    opened.desk.clips.trim_end(clip.id, -48)
    opened.desk.clips.slip(clip.id, -480)
    assert (driving().source_in_s, driving().source_out_s) == (2, 4)
    opened.desk.clips.slip(clip.id, 480)
    assert (driving().source_in_s, driving().source_out_s) == (0, 2)


def test_half_speed_doubles_a_clip_that_plays_once(opened, driving):
    opened.desk.clips.set_speed(driving().id, Fraction(1, 2))
    assert driving().length_frames == 192


def test_every_edit_is_taken_back_and_done_again(opened, driving, voice):
    desk = opened.desk
    states = [desk.session.scene]
    for edit in (
        lambda: desk.clips.move(frozenset({driving().id, voice().id}), 7),
        lambda: desk.clips.set_keep_sound(driving().id, True),
        lambda: desk.clips.set_gain(voice().id, -6.0),
        lambda: desk.clips.set_face_index(driving().id, 1),
        lambda: desk.clips.delete(frozenset({voice().id})),
        lambda: desk.characters.rename(desk.session.scene.characters[0].id, "Eve"),
        lambda: desk.characters.set_feather(desk.session.scene.characters[0].id, 0.4),
        lambda: desk.scenes.set_length(50),
    ):
        edit()
        assert desk.session.scene != states[-1]
        states.append(desk.session.scene)
    for state in reversed(states[:-1]):
        desk.history.undo()
        assert desk.session.scene == state
    for state in states[1:]:
        desk.history.redo()
        assert desk.session.scene == state


def test_an_edit_that_cannot_be_done_says_why_and_leaves_everything(opened):
    desk = opened.desk
    before, count = desk.session.scene, desk.history.stack.count()
    desk.characters.rename(before.characters[0].id, "Bruno")
    assert desk.session.scene == before
    assert desk.history.stack.count() == count
    assert "Bruno" in desk.notices.notice.message


def test_undo_after_a_change_from_elsewhere_is_refused_in_words(opened, project, driving):
    from projects_db.project_store import ProjectStore

    desk = opened.desk
    desk.clips.move(frozenset({driving().id}), 5)
    with ProjectStore.open(project) as other, other.change("Elsewhere") as change:
        change.remove_driving_clip(driving().id)
    desk.session.look_for_changes()
    desk.history.undo()
    assert desk.notices.notice is not None
    assert desk.session.scene.characters[0].driving_clips == ()


def shown(clip):
    """Return the source second a driving clip shows at each of its frames."""
    made = driving_input(clip)
    frames = range(clip.start_frame, clip.start_frame + clip.length_frames)
    return {frame: source_time_s(made, frame, Fraction(24)) for frame in frames}


def driving_input(clip):
    return DrivingInput(
        path=Path("clip.mp4"),
        content_hash="",
        source_in_s=clip.source_in_s,
        source_out_s=clip.source_out_s,
        start_frame=clip.start_frame,
        length_frames=clip.length_frames,
        speed=clip.speed,
        loop_mode=EngineLoopMode(clip.loop_mode.value),
    )


@pytest.mark.parametrize("mode", [LoopMode.LOOP, LoopMode.PING_PONG])
@pytest.mark.parametrize("passes", [1, 2])
def test_trimming_a_looped_clip_never_changes_what_is_looped(opened, driving, mode, passes):
    opened.desk.clips.set_loop_mode(driving().id, mode)
    opened.desk.clips.trim_end(driving().id, 500)
    before = driving()
    opened.desk.clips.trim_start(before.id, 12)
    assert (driving().source_in_s, driving().source_out_s) == (before.source_in_s, before.source_out_s)
    assert (driving().start_frame, driving().length_frames) == (36, 584)
    opened.desk.history.undo()
    opened.desk.clips.trim_start(before.id, passes * 96)
    if passes == 2 or mode is LoopMode.LOOP:
        assert shown(driving()).items() <= shown(before).items()


def test_trimming_a_looped_clip_to_part_of_one_pass_keeps_its_pictures(opened, driving):
    opened.desk.clips.set_loop_mode(driving().id, LoopMode.LOOP)
    opened.desk.clips.trim_end(driving().id, 96)
    before = driving()
    opened.desk.clips.trim_start(before.id, 96 + 24)
    assert driving().length_frames == 72
    assert shown(driving()).items() <= shown(before).items()
    opened.desk.clips.trim_start(before.id, -24)
    assert driving().source_in_s == before.source_in_s


def test_a_looped_clip_can_begin_earlier_than_its_source(opened, driving):
    opened.desk.clips.set_loop_mode(driving().id, LoopMode.LOOP)
    opened.desk.clips.trim_start(driving().id, -24)
    assert (driving().start_frame, driving().length_frames, driving().source_in_s) == (0, 120, 0)


def test_a_held_clip_that_is_trimmed_beyond_its_source_goes_on_holding_its_end(opened, driving):
    opened.desk.clips.set_loop_mode(driving().id, LoopMode.HOLD)
    opened.desk.clips.trim_end(driving().id, 200)
    opened.desk.clips.trim_start(driving().id, 150)
    assert driving().source_in_s == driving().source_out_s - Fraction(1, 24)


@pytest.mark.parametrize("edge", ["trim_start", "trim_end"])
def test_a_voice_trimmed_below_its_fades_takes_them_along(opened, voice, edge):
    desk = opened.desk
    with desk.session.store.change("Fade") as change:
        change.update_voice_clip(voice().id, fade_in_s=Fraction(1, 2), fade_out_s=Fraction(1, 4))
    desk.session.refresh()
    length = desk.clips.length_frames(voice())
    getattr(desk.clips, edge)(voice().id, (length - 6) * (1 if edge == "trim_start" else -1))
    left_s = voice().source_out_s - voice().source_in_s
    assert left_s < Fraction(1, 2)
    assert voice().fade_in_s + voice().fade_out_s <= left_s
    assert voice().fade_in_s == 2 * voice().fade_out_s
    desk.history.undo()
    assert (voice().fade_in_s, voice().fade_out_s) == (Fraction(1, 2), Fraction(1, 4))
