"""Landmarks smoothed region by region."""

import numpy as np
import pytest

from engine.conditioning.landmark_smoothing import LandmarkSmoother

MOUTH, NOSE = slice(118, 182), slice(33, 48)


@pytest.fixture
def face():
    return np.random.default_rng(5).uniform(100.0, 400.0, (222, 2))


def test_trembling_is_damped_and_a_jump_is_followed(face):
    smoother = LandmarkSmoother()
    smoother.smooth(face, 260.0)
    trembling = smoother.smooth(face + 0.2, 260.0) - face
    assert np.abs(trembling).max() < 0.03
    jump = smoother.smooth(face + 40.0, 260.0) - face
    assert jump[NOSE].min() > 30.0


def test_a_moving_mouth_leaves_the_nose_where_it_was(face):
    smoother = LandmarkSmoother()
    smoother.smooth(face, 260.0)
    moved = face.copy()
    moved[MOUTH] += 25.0
    smooth = smoother.smooth(moved, 260.0)
    np.testing.assert_array_equal(smooth[NOSE], face[NOSE])
    assert (smooth[MOUTH] - face[MOUTH]).min() > 10.0


def test_frozen_frames_do_not_end_the_smoothing(face):
    smoother = LandmarkSmoother()
    for _ in range(3):
        np.testing.assert_array_equal(smoother.smooth(face, 260.0), face)
    assert np.isfinite(smoother.smooth(face + 5.0, 260.0)).all()


def test_what_was_given_is_left_alone(face):
    before = face.copy()
    smoother = LandmarkSmoother()
    smoother.smooth(face, 260.0)
    smoother.smooth(face + 3.0, 260.0)
    np.testing.assert_array_equal(face, before)
