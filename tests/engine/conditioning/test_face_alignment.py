"""Faces brought to where the expression encoder wants them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.conditioning.face_alignment import (
    CROP_PX,
    TEMPLATE,
    align_face,
    alignment_matrix,
    encoder_input,
)

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"


@pytest.fixture(scope="module")
def golden():
    return load_file(GOLDEN / "face_geometry.safetensors")


def test_five_points_align_as_the_222_they_were_taken_from(golden):
    landmarks = golden["landmarks222"].numpy()
    five = landmarks[[182, 202, 36, 149, 133]]
    np.testing.assert_array_equal(alignment_matrix(five), alignment_matrix(landmarks))


@pytest.mark.parametrize("turn", [-2.5, -0.4, 0.0, 1.1, 3.0])
def test_a_turned_and_scaled_template_is_carried_back_onto_the_template(turn):
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = 2.3 * TEMPLATE @ rotation.T + [311.0, -47.0]
    matrix = alignment_matrix(points)
    np.testing.assert_allclose(points @ matrix[:2, :2].T + matrix[:2, 2], TEMPLATE, atol=1e-9)


def test_a_mirrored_face_is_never_mirrored_back():
    matrix = alignment_matrix(TEMPLATE * [-1.0, 1.0])
    assert np.linalg.det(matrix[:2, :2]) > 0


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 312.5),
        np.stack([np.arange(5.0), 3 * np.arange(5.0)], axis=1),
        np.stack([np.arange(5.0), np.zeros(5)], axis=1),
        np.full((5, 2), np.nan),
        np.where(np.arange(10).reshape(5, 2) == 3, np.inf, TEMPLATE),
    ],
    ids=["zero", "one place", "a line", "a level line", "not numbers", "one infinite"],
)
def test_points_that_are_no_face_align_nothing(points):
    assert align_face(np.zeros((64, 64, 3), np.uint8), points) is None


def test_a_face_beyond_the_picture_is_black():
    crop = align_face(np.full((64, 64, 3), 255, np.uint8), TEMPLATE + 10_000.0)
    assert crop.shape == (CROP_PX, CROP_PX, 3)
    assert not crop.any()


def test_the_encoder_sees_red_first_from_minus_one_to_one():
    crop = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
    crop[:, :, 2], crop[:, :, 1] = 255, 51
    faces = encoder_input([crop, crop])
    assert faces.dtype == torch.float32
    assert faces.shape == (2, 3, CROP_PX, CROP_PX)
    assert faces[1, :, 7, 9].tolist() == pytest.approx([1.0, -0.6, -1.0])


def test_every_level_is_the_published_number():
    crop = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
    crop[0, :, :] = np.arange(CROP_PX)[:, None]
    expected = torch.tensor(np.arange(CROP_PX) / 255.0 * 2 - 1).to(torch.float32)
    assert torch.equal(encoder_input([crop])[0, 0, 0], expected)
