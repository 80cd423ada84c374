"""Colour held over many pieces: what drifts is brought back, and no cut shows between two pieces."""

import numpy as np
import pytest

from engine.sampling.colour_hold import (
    FADE_PICTURES,
    MOST_GAIN,
    MOST_OFFSET_LEVELS,
    faded_in,
    shift_towards,
)

PIECES, LENGTH, KNOWN = 10, 40, 5


@pytest.fixture(scope="module")
def plate():
    """A picture with some contrast, well inside the levels."""
    generator = np.random.default_rng(4)
    smooth = generator.normal(size=(24, 32, 3)).cumsum(axis=1)
    return np.clip(120 + 18 * smooth / smooth.std(), 30, 220).round().astype(np.uint8)


def drifted(picture, gain, offset, share=1.0):
    """A picture with a little more contrast and another tint."""
    moved = picture * (1 + share * (gain - 1)) + share * np.asarray(offset)
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def rendered(plate, *, held, gain=1.015, offset=(2.5, -2.0, 1.5)):
    """A shot of ten pieces; each drifts away, picture by picture, from the one it was told as its start."""
    shot = [drifted(plate, gain, offset, (number + 1) / LENGTH) for number in range(LENGTH)]
    for _ in range(PIECES - 1):
        motion = np.stack(shot[-KNOWN:])
        shift = shift_towards(motion, plate)
        told = shift.applied(motion[-1]) if held else motion[-1]
        fresh = [drifted(told, gain, offset, (number + 1) / LENGTH) for number in range(LENGTH)]
        shot += list(faded_in(fresh, shift)) if held else fresh
    return np.stack(shot)


def means(pictures):
    return pictures.mean(axis=(1, 2), dtype=np.float64)


def deviations(pictures):
    return pictures.reshape(len(pictures), -1, 3).std(axis=1, dtype=np.float64)


def test_a_drift_over_ten_pieces_is_held_to_that_of_one(plate):
    free, held = rendered(plate, held=False), rendered(plate, held=True)
    first = means(plate[None])
    of_one_piece = np.abs(means(free)[LENGTH - 1] - first).max()
    assert np.abs(means(free)[-1] - first).max() > 6 * of_one_piece
    assert np.abs(means(held) - first).max() < 1.2 * of_one_piece
    contrast = deviations(plate[None])
    assert (deviations(free)[-1] / contrast).max() > 1.1
    assert (deviations(held) / contrast).max() < 1.06


def test_no_jump_shows_between_two_pieces(plate):
    held = np.abs(np.diff(means(rendered(plate, held=True)), axis=0)).max(axis=1)
    seams = np.arange(1, PIECES) * LENGTH - 1
    within = np.delete(held, seams)
    assert held[seams].max() < 0.2
    assert within.max() < 1  # a level: all of a picture is rounded at once
    uncorrected = np.abs(means(drifted(plate, 1.015, (2.5, -2.0, 1.5))[None]) - means(plate[None])).max()
    assert uncorrected > 5 * held[seams].max()


def test_pictures_follow_on_from_those_before_and_end_as_they_are(plate):
    motion = np.stack([drifted(plate, 1.03, (4, -3, 2))] * KNOWN)
    shift = shift_towards(motion, plate)
    told = shift.applied(motion[-1])
    shown = list(faded_in([told] * (FADE_PICTURES + 3), shift))
    assert np.abs(shown[0].astype(int) - motion[-1]).max() <= 1
    assert np.array_equal(shown[-1], told)
    assert np.array_equal(shown[FADE_PICTURES], told)


def test_a_shot_that_does_not_drift_is_left_alone(plate):
    still = rendered(plate, held=True, gain=1.0, offset=(0, 0, 0))
    assert np.array_equal(still, np.stack([plate] * len(still)))


@pytest.mark.parametrize("levels", [40.0, -40.0])
def test_light_that_changes_in_the_shot_is_not_taken_for_drift(plate, levels):
    motion = np.stack([drifted(plate, 1.0, (levels, levels, levels))] * KNOWN)
    moved = means(shift_towards(motion, plate).applied(motion[0])[None]) - means(motion[:1])
    assert np.abs(moved).max() < MOST_OFFSET_LEVELS + 0.5


@pytest.mark.parametrize("level", [0, 90, 255])
def test_pictures_of_one_colour_are_borne(plate, level):
    flat = np.full((KNOWN, 24, 32, 3), level, np.uint8)
    for motion, still in ((flat, plate), (plate[None], flat[0]), (flat, flat[0])):
        shift = shift_towards(motion, still)
        assert (shift.gain <= MOST_GAIN).all()
        assert (shift.gain >= 1 / MOST_GAIN).all()
        assert np.isfinite(shift.offset).all()
        assert next(iter(faded_in([motion[0]], shift))).dtype == np.uint8


def test_a_shift_and_its_inverse_cancel(plate):
    shift = shift_towards(np.stack([drifted(plate, 0.97, (3, 3, -4))]), plate)
    back = shift.inverse()
    assert back.gain * shift.gain == pytest.approx(1.0)
    assert back.gain * shift.offset + back.offset == pytest.approx(0.0, abs=1e-9)
