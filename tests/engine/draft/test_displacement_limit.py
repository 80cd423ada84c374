"""Fields that never tear."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.draft.displacement_limit import (
    LEAST_DETERMINANT,
    corner_determinants,
    soft_limited,
    without_folds,
)
from engine.media.opencv import cv2


def wild_field(seed, size=48, roughness=3.0):
    chance = np.random.default_rng(seed)
    field = chance.normal(0.0, 1.0, (size, size, 2)).astype(np.float32)
    field = cv2.GaussianBlur(field, (0, 0), roughness) * 6.0 * roughness
    inner = np.zeros((size, size, 1), np.float32)
    inner[4:-4, 4:-4] = 1.0
    return field * inner


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    gain=st.floats(0.0, 3.0, width=32),
    roughness=st.sampled_from([0.6, 1.5, 4.0]),
)
def test_no_gain_up_to_three_folds_a_wild_field(seed, gain, roughness):
    field = without_folds(np.float32(gain) * wild_field(seed, roughness=roughness))

    assert corner_determinants(field).min() >= LEAST_DETERMINANT - 1e-5


def test_a_field_without_folds_is_left_as_it_is():
    field = 0.2 * wild_field(1, roughness=6.0)
    assert corner_determinants(field).min() > LEAST_DETERMINANT

    assert np.array_equal(without_folds(field), field)


def test_only_the_surroundings_of_a_fold_change():
    field = np.zeros((64, 64, 2), np.float32)
    field[20, 20] = (5.0, 0.0)
    field[40:60, 40:60] = 0.1

    mended = without_folds(field)

    assert corner_determinants(mended).min() >= LEAST_DETERMINANT
    assert np.array_equal(mended[50:, 50:], field[50:, 50:])


def test_a_twice_mirrored_cell_counts_as_folded():
    y, x = np.mgrid[0:4, 0:4].astype(np.float32)

    assert corner_determinants(np.stack([-2 * x, -2 * y], axis=-1)).max() < 0


@pytest.mark.parametrize("length", [0.0, 0.01, 1.0, 50.0])
def test_soft_limit_keeps_the_direction_and_never_exceeds_the_limit(length):
    vectors = np.array([[[0.6 * length, 0.8 * length]]], np.float32)

    limited = soft_limited(vectors, 0.1)

    assert np.hypot(*limited[0, 0]) <= 0.1 + 1e-6
    assert limited[0, 0, 0] * 0.8 == pytest.approx(limited[0, 0, 1] * 0.6, abs=1e-6)
    if length == 0.01:
        assert np.allclose(limited, vectors, rtol=0.01)
