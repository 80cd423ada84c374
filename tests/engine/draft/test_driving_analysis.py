"""Analysing drivers."""

import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from engine.benchmark.drawn_face import DrawnExpression, draw_face
from engine.benchmark.drawn_media import write_drawn_clip
from engine.draft.analysis_cache import cached_analysis
from engine.draft.driver_parts import driver_parts
from engine.draft.driving_analysis import DriverPart, analyse_driver
from engine.draft.face_frame import MOUTH
from engine.draft.residual_flow import GRID
from engine.media.content_hash import hash_file
from engine.media.opencv import cv2
from engine.protocol.errors import ErrorCode, UserError

RATE = Fraction(20)


def part_of(path, **changes):
    values = {
        "path": path,
        "content_hash": hash_file(path),
        "face_index": 0,
        "neutral_s": None,
        "start_s": Fraction(0),
        "end_s": Fraction(60),
    }
    return DriverPart(**(values | changes))


def analysed(path, **changes):
    return analyse_driver(part_of(path, **changes), lambda _share: None, lambda: None)


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A driver that turns its head to and fro, then opens its mouth."""
    path = tmp_path_factory.mktemp("moving") / "moving.mkv"
    rolls = np.concatenate([np.zeros(3), 0.15 * np.sin(np.linspace(0, np.pi, 11)), np.zeros(9)])
    mouths = np.concatenate([np.zeros(15), np.sin(np.linspace(0, np.pi, 8))])
    frames = [
        draw_face(DrawnExpression(roll=roll, travel_x=120 * roll, mouth_open=mouth))
        for roll, mouth in zip(rolls, mouths, strict=True)
    ]
    write_drawn_clip(path, frames, RATE)
    return path, rolls, mouths, analysed(path)


def test_the_head_follows_the_drawn_head(moving):
    _, rolls, _, motion = moving

    # the drawn angle turns against the clock, pictures' axes with it
    assert np.abs(motion.head[:, 0] + rolls - motion.head[0, 0]).max() < 0.03
    assert motion.head[8, 2] - motion.head[0, 2] > 0.02
    assert motion.lost_s == ()


def test_nothing_adds_up_over_a_still_head(moving):
    _, _, _, motion = moving

    assert np.abs(motion.head[-1] - motion.head[0]).max() < 0.01


def test_an_opening_mouth_moves_the_mouth_and_not_the_brows(moving):
    _, _, mouths, motion = moving
    open_ = np.abs(motion.flow[int(np.argmax(mouths))].astype(np.float32))
    row = round(MOUTH[1] * GRID)

    lips = open_[row : row + 12, GRID // 2 - 5 : GRID // 2 + 5].max()
    brows = open_[round(0.40 * GRID) : round(0.44 * GRID), GRID // 4 : -GRID // 4].max()

    assert lips > 0.02
    assert brows < 0.3 * lips


def test_the_inside_of_the_mouth_is_seen_while_it_is_open(moving):
    _, _, mouths, motion = moving
    seen = motion.mouth_inside.astype(np.float32).mean(axis=(1, 2))

    assert seen[int(np.argmax(mouths))] > 8.0
    assert seen[:12].max() < 2.0


def turned(picture, share):
    """The drawn head turned sideways: its middle moves across against its outline."""
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    bump = np.exp(-(((x - 256) / 90) ** 2) - ((y - 250) / 130) ** 2)
    return cv2.remap(picture, x + np.float32(46 * share) * bump, y, cv2.INTER_LINEAR)


@pytest.fixture(scope="module")
def turning(tmp_path_factory):
    """A driver that opens its mouth, turns away, opens its mouth there, turns back and opens it again."""
    path = tmp_path_factory.mktemp("turning") / "turning.mkv"
    said = np.sin(np.linspace(0, np.pi, 8))
    calm = np.zeros(10)
    turns = np.concatenate(
        [np.zeros(18), np.linspace(0, 1, 5), np.ones(10), np.linspace(1, 0, 5), np.zeros(18)]
    )
    mouths = np.concatenate([calm[:4], said, calm[:6], calm[:6], said, calm[:6], calm, said])
    pictures = [
        turned(draw_face(DrawnExpression(mouth_open=mouth)), turn)
        for turn, mouth in zip(turns, mouths, strict=True)
    ]
    write_drawn_clip(path, pictures, RATE)
    return turns, analysed(path, neutral_s=Fraction(0))


def test_the_expression_rests_while_the_driver_is_turned_away(turning):
    turns, motion = turning
    away = turns == 1.0

    assert motion.presence[away].max() < 0.02
    assert np.abs(motion.flow[away].astype(np.float32)).max() < 0.004
    assert np.abs(motion.turn[away]).max() < 0.004
    assert motion.mouth_inside[away].max() == 0
    assert motion.at(float(motion.times_s[27])).neutral_gap.max() == 0.0


def test_the_expression_comes_back_softly_when_the_driver_faces_the_camera_again(turning):
    _, motion = turning
    seen = motion.mouth_inside.astype(np.float32).mean(axis=(1, 2))

    assert motion.presence[:10].min() > 0.98
    assert motion.presence[-8:].min() > 0.98
    assert seen[4:12].max() > 8.0
    assert seen[-8:].max() > 8.0
    assert np.abs(np.diff(motion.presence)).max() < 0.45


def test_a_driver_that_only_nods_and_speaks_is_followed_throughout(moving):
    _, _, _, motion = moving

    assert motion.presence.min() > 0.99


def test_the_neutral_frame_has_a_closed_mouth(moving):
    _, _, mouths, motion = moving

    assert mouths[round(motion.neutral_s * RATE)] < 0.1


def test_a_chosen_neutral_frame_is_kept(moving):
    path, *_ = moving

    motion = analysed(path, neutral_s=Fraction(1, 10), end_s=Fraction(1, 5))

    assert motion.neutral_s == pytest.approx(0.1)
    assert np.abs(motion.flow[2].astype(np.float32)).max() < 0.004


def test_a_still_driver_gives_a_still_face(media):
    motion = analysed(media / "calm.mkv", end_s=Fraction(3, 10))

    assert np.abs(np.diff(motion.head, axis=0)).max() < 1e-4
    assert np.abs(np.diff(motion.flow.astype(np.float32), axis=0)).max() < 1e-4


def test_frames_without_the_face_are_bridged_and_told(tmp_path):
    path = tmp_path / "gap.mkv"
    blank = np.full((512, 512, 3), 128, np.uint8)
    frames = [draw_face(DrawnExpression(travel_x=2.0 * number)) for number in range(12)]
    write_drawn_clip(path, [blank if 5 <= number < 8 else frame for number, frame in enumerate(frames)], RATE)

    motion = analysed(path)

    assert motion.lost_s == (pytest.approx((0.25, 0.4)),)
    assert np.all(np.diff(motion.head[:, 2]) > -1e-3)


def test_a_video_without_faces_is_refused_with_a_next_step(media):
    with pytest.raises(UserError) as caught:
        analysed(media / "empty.mkv", end_s=Fraction(1, 10))

    assert caught.value.report.code is ErrorCode.NO_FACE
    assert "empty.mkv" in caught.value.report.message
    assert caught.value.report.next_step


def test_a_face_that_is_not_there_is_refused(media):
    with pytest.raises(UserError) as caught:
        analysed(media / "calm.mkv", face_index=1, end_s=Fraction(1, 10))

    assert caught.value.report.code is ErrorCode.NO_FACE
    assert "one face" in caught.value.report.message
    assert "face 2" in caught.value.report.message


def test_the_second_driver_is_the_one_on_the_right(tmp_path):
    path = tmp_path / "pair.mkv"
    mouths = [0, 0, 0.5, 1, 0.5, 0]
    frames = [np.hstack([draw_face(), draw_face(DrawnExpression(mouth_open=mouth))]) for mouth in mouths]
    write_drawn_clip(path, frames, RATE)

    left, right = analysed(path), analysed(path, face_index=1)

    assert np.abs(left.flow.astype(np.float32)).max() < 0.01
    assert np.abs(right.flow.astype(np.float32)).max() > 0.02


def test_a_clip_of_one_frame_is_analysed(tmp_path):
    path = tmp_path / "one.mkv"
    write_drawn_clip(path, [draw_face()], RATE)

    motion = analysed(path)

    assert len(motion.times_s) == 1
    assert np.abs(motion.head).max() < 1e-4


@pytest.fixture(scope="module")
def one_frame(media, tmp_path_factory):
    """A part of one frame, its motion, and a cache that holds it."""
    part = part_of(media / "calm.mkv", end_s=Fraction(1, 20))
    cache = tmp_path_factory.mktemp("kept")
    return part, cached_analysis(part, cache, lambda _share: None, lambda: None), cache


def test_an_analysis_is_made_once(one_frame):
    part, first, cache = one_frame

    def refuse():
        raise AssertionError("analysed again")

    again = cached_analysis(part, cache, lambda _share: None, refuse)

    assert np.array_equal(first.flow, again.flow)
    assert again.lost_s == first.lost_s


def test_a_file_that_was_replaced_is_not_taken_for_the_one_imported(one_frame, media, tmp_path):
    part, kept, cache = one_frame
    path = tmp_path / "clip.mkv"
    shutil.copy(media / "driver.mkv", path)  # another clip under the hash of the calm one

    cached_analysis(replace(part, path=path), cache, lambda _share: None, lambda: None)

    assert len(list(cache.glob("*.npz"))) == 2
    path.unlink()
    gone = cached_analysis(replace(part, path=path), cache, lambda _share: None, lambda: None)
    assert np.array_equal(gone.flow, kept.flow)


@pytest.mark.parametrize("damage", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_a_damaged_cache_file_is_made_again(one_frame, tmp_path, damage):
    part, _, cache = one_frame
    kept = min(cache.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    whole = kept.read_bytes()
    file = tmp_path / kept.name
    file.write_bytes(damage or whole[: len(whole) // 2])

    motion = cached_analysis(part, tmp_path, lambda _share: None, lambda: None)

    assert len(motion.times_s) == 1
    assert file.stat().st_size > len(whole) // 2


def test_stopping_ends_an_analysis_soon_and_leaves_no_cache_file(media, tmp_path):
    steps = iter(range(6))

    def check():
        if next(steps, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_analysis(part_of(media / "driver.mkv"), tmp_path, lambda _share: None, check)

    assert list(tmp_path.iterdir()) == []


def test_trimming_a_clip_of_a_short_video_needs_no_new_analysis(drive):
    whole = drive()
    trimmed = drive(source_in_s=Fraction(1, 2), start_frame=40)

    parts = driver_parts([whole, trimmed])

    assert parts[whole] == parts[trimmed]
