"""Landmarks smoothed region by region."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from engine.conditioning.landmark_smoothing import LandmarkSmoother

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"
MOUTH, NOSE = slice(118, 182), slice(33, 48)


@pytest.fixture
def face():
    return np.random.default_rng(5).uniform(100.0, 400.0, (222, 2))


def test_a_track_is_smoothed_as_published():
    golden = load_file(GOLDEN / "face_geometry.safetensors")
    size = float(golden["landmark_track_face_diagonal"])
    smoother = LandmarkSmoother()
    smooth = np.stack([smoother.smooth(points, size) for points in golden["landmark_track"].numpy()])
    np.testing.assert_allclose(smooth, golden["landmark_track_smoothed"].numpy(), rtol=0, atol=1e-6)


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
