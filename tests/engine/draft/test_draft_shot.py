"""Whole shots on a drawn still."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from engine.draft.draft_shot import DraftShot
from engine.draft.region_window import WINDOW_GROWTH
from engine.media.opencv import cv2
from engine.protocol.clips import LoopMode
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import RegionBox, RegionKey, RegionShape

SMALL_FACE = RegionBox(x=0.42, y=0.35, width=0.14, height=0.24)


def outside_window(box, width=640, height=360):
    left, right = (
        (box.x - WINDOW_GROWTH * box.width) * width,
        (box.x + (1 + WINDOW_GROWTH) * box.width) * width,
    )
    top, bottom = (
        (box.y - WINDOW_GROWTH * box.height) * height,
        (box.y + (1 + WINDOW_GROWTH) * box.height) * height,
    )
    y, x = np.mgrid[0:height, 0:width]
    return (x < left - 1) | (x > right + 1) | (y < top - 1) | (y > bottom + 1)


def difference(a, b):
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())


def test_the_driven_face_moves_and_starts_from_the_plate(shoot, character, drive, plate):
    shot = shoot(character(driving=[drive()]))

    assert np.array_equal(shot.picture(0), plate)
    assert difference(shot.picture(14), plate) > 0.3


def test_pictures_do_not_depend_on_what_was_drawn_before(shoot, character, drive, speak):
    ada = character(driving=[drive()], voices=[speak(start_frame=5)])
    one, other = shoot(ada), shoot(ada)
    forwards = [one.picture(frame) for frame in (3, 14, 25)]

    assert all(
        np.array_equal(other.picture(frame), picture)
        for frame, picture in zip((25, 14, 3), reversed(forwards), strict=True)
    )


@pytest.mark.parametrize("shape", list(RegionShape))
def test_nothing_outside_the_window_changes(shoot, character, drive, speak, plate, shape):
    ada = character(
        box=SMALL_FACE, shape=shape, driving=[drive()], voices=[speak()], head=3.0, expression=3.0, voice=3.0
    )
    still = outside_window(SMALL_FACE)
    shot = shoot(ada)

    for frame in (8, 14, 22):
        picture = shot.picture(frame)
        assert np.array_equal(picture[still], plate[still])
        assert not np.array_equal(picture, plate)


def test_gains_of_zero_leave_the_plate(shoot, character, drive, speak, plate):
    ada = character(driving=[drive()], voices=[speak()], expression=0.0, head=0.0, voice=0.0, body_motion=0.0)
    shot = shoot(ada)

    assert all(np.array_equal(shot.picture(frame), plate) for frame in (5, 14, 30))


def test_a_character_without_clips_stays_still(shoot, character, plate):
    shot = shoot(character())

    assert np.array_equal(shot.picture(20), plate)


def test_the_channels_move_their_own_parts(shoot, character, drive, plate):
    silent = {"head": 0.0, "mouth": 0.0, "eyes": 0.0, "emotion": 0.0}
    only_mouth = shoot(character(driving=[drive()], **(silent | {"mouth": 1.0}))).picture(14)
    only_eyes = shoot(character(driving=[drive()], **(silent | {"eyes": 1.0}))).picture(20)
    rows = np.arange(360)[:, None, None]
    lower = np.broadcast_to(rows > 215, plate.shape)

    mouth_change = np.abs(only_mouth.astype(np.int16) - plate)
    eyes_change = np.abs(only_eyes.astype(np.int16) - plate)

    assert mouth_change[lower].sum() > 8 * mouth_change[~lower].sum()
    assert eyes_change[~lower].sum() > 8 * eyes_change[lower].sum()


def test_more_intensity_moves_more(shoot, character, drive, plate):
    moved = [
        difference(shoot(character(driving=[drive()], expression=gain, head=gain)).picture(14), plate)
        for gain in (0.5, 1.0, 2.0)
    ]

    assert moved == sorted(moved)


def test_a_still_driver_leaves_a_still_picture(shoot, character, drive, plate):
    calm = drive("calm.mkv", length_frames=12)
    shot = shoot(character(driving=[calm], body_motion=0.0), frame_count=12)

    assert all(difference(shot.picture(frame), plate) < 0.02 for frame in range(12))


def test_a_voice_opens_the_mouth_while_it_sounds(shoot, character, speak, plate):
    shot = shoot(character(voices=[speak()], body_motion=0.0, eyes=0.0))
    mouth = (slice(215, 290), slice(270, 370))

    # the sound is heard from frame 8 to frame 14
    assert difference(shot.picture(11)[mouth], plate[mouth]) > 3.0
    assert difference(shot.picture(4)[mouth], plate[mouth]) < 0.2
    assert difference(shot.picture(19)[mouth], plate[mouth]) < 0.5


def test_the_parted_lips_show_a_dark_inside(shoot, character, speak, plate):
    picture = shoot(character(voices=[speak()], body_motion=0.0)).picture(11)
    lips = (slice(235, 265), slice(300, 340))

    assert picture[lips].min(axis=(0, 1)).sum() < plate[lips].min(axis=(0, 1)).sum() - 20


def test_a_seed_repeats_and_another_differs(shoot, character, speak):
    ada = character(voices=[speak()])
    pictures = [shoot(ada, seed=seed).picture(30) for seed in (1, 1, 2)]

    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_two_characters_move_independently(shoot, character, drive, plate, tmp_path):
    grain = np.random.default_rng(3).integers(0, 40, plate.shape, np.uint8)
    plate = cv2.subtract(plate, grain)
    path = tmp_path / "grainy.png"
    path.write_bytes(cv2.imencode(".png", plate)[1].tobytes())
    left = RegionBox(x=0.05, y=0.3, width=0.16, height=0.28)
    right = RegionBox(x=0.79, y=0.3, width=0.16, height=0.28)
    ada, ben = character("Ada", left, driving=[drive()]), character("Ben", right, driving=[drive()], head=0.5)

    both = shoot(ada, ben, still=path).picture(14)
    alone = shoot(ada, still=path).picture(14)

    assert np.array_equal(both[:, :320], alone[:, :320])
    assert np.array_equal(alone[:, 320:], plate[:, 320:])
    assert not np.array_equal(both[:, 320:], plate[:, 320:])


def test_a_keyframed_region_carries_the_motion_along(shoot, character, drive, plate):
    far = RegionBox(x=0.8, y=0.35, width=0.14, height=0.24)
    ada = character(box=SMALL_FACE, driving=[drive()])
    keys = (RegionKey(frame=0, box=SMALL_FACE), RegionKey(frame=10, box=far))
    shot = shoot(replace(ada, region=replace(ada.region, keys=keys)))

    picture = shot.picture(14)

    assert np.array_equal(picture[outside_window(far)], plate[outside_window(far)])


@pytest.mark.parametrize(
    "box",
    [
        RegionBox(x=0.5, y=0.5, width=0.004, height=0.004),
        RegionBox(x=-0.1, y=-0.2, width=0.3, height=0.5),
        RegionBox(x=0.9, y=0.8, width=0.4, height=0.6),
        RegionBox(x=2.0, y=2.0, width=0.1, height=0.1),
        RegionBox(x=0.0, y=0.0, width=1.0, height=1.0),
    ],
    ids=["tiny", "over the corner", "over the other corner", "outside", "the whole plate"],
)
def test_odd_regions_are_drawn(shoot, character, drive, speak, box):
    shot = shoot(character(box=box, driving=[drive()], voices=[speak()], head=3.0, expression=3.0))

    assert shot.picture(14).shape == (360, 640, 3)


@pytest.mark.parametrize("mode", list(LoopMode))
def test_loop_modes_are_drawn_without_pops(shoot, character, drive, mode):
    clip = drive(length_frames=80, loop_mode=mode, source_out_s=Fraction(13, 10))
    shot = shoot(character(driving=[clip]), frame_count=80)
    pictures = [shot.picture(frame) for frame in range(20, 60)]
    steps = [difference(one, other) for one, other in pairwise(pictures)]

    assert max(steps) < 2.5


def test_a_clip_of_one_frame_is_drawn(shoot, character, drive):
    one = drive(length_frames=1, start_frame=14, source_in_s=Fraction(7, 10))
    shot = shoot(character(driving=[one]))

    assert shot.picture(14).shape == (360, 640, 3)


def test_a_plate_with_alpha_gives_alpha_that_moves_along(shoot, character, drive, plate, tmp_path):
    y, x = np.mgrid[0:360, 0:640]
    alpha = np.where(((x - 320) / 110) ** 2 + ((y - 160) / 130) ** 2 < 1, 255, 0).astype(np.uint8)
    path = tmp_path / "cut.png"
    path.write_bytes(cv2.imencode(".png", np.dstack([plate, alpha]))[1].tobytes())
    shot = shoot(character(driving=[drive()], head=2.0), still=path)

    assert shot.picture(0).shape == (360, 640, 4)
    assert np.array_equal(shot.picture(0)[..., 3], alpha)
    assert not np.array_equal(shot.picture(14)[..., 3], alpha)


def test_the_plate_is_fitted_and_padded_by_its_edges(shoot, character, plate):
    picture = shoot(character(), width=640, height=640).picture(0)

    assert np.array_equal(picture[140:500], plate)
    assert np.array_equal(picture[0], plate[0])


def test_progress_rises_to_the_end(request_for, character, drive, cache):
    seen = []
    DraftShot.prepare(
        request_for(character(driving=[drive()])),
        cache_directory=cache,
        on_progress=lambda phase, share: seen.append((phase, share)),
    )
    shares = [share for _, share in seen]

    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any("driver.mkv" in phase for phase, _ in seen)


def test_preparing_stops_when_told(request_for, character, drive, tmp_path):
    with pytest.raises(UserError) as caught:
        DraftShot.prepare(
            request_for(character(driving=[drive()])), cache_directory=tmp_path, should_stop=lambda: True
        )

    assert caught.value.report.code is ErrorCode.CANCELLED


def test_a_frame_outside_the_scene_is_refused(shoot, character):
    with pytest.raises(ValueError, match="36"):
        shoot(character()).picture(36)
