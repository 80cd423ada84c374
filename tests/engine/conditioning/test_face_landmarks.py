"""Landmarks by a network in a file, and faces followed by them."""

import numpy as np
import pytest

from engine.conditioning.landmark_tracking import LandmarkTracker
from engine.conditioning.landmarks import INPUT_PX, OnnxLandmarks, crop_matrix
from engine.media.opencv import cv2
from tests.engine.conditioning.onnx_files import brightness_landmarks, face_of_landmarks


def landmarks_of(folder, **choices):
    path = folder / "face_landmark.onnx"
    path.write_bytes(brightness_landmarks(**choices))
    return OnnxLandmarks(path)


@pytest.fixture(scope="module")
def landmarks(tmp_path_factory):
    return landmarks_of(tmp_path_factory.mktemp("bundle"))


def discs(*middles, radius=60):
    picture = np.zeros((480, 854, 3), np.uint8)
    for middle in middles:
        cv2.circle(picture, middle, radius, (255, 255, 255), -1)
    return picture


def box_about(x, y, half=80):
    return np.array([x - half, y - half, x + half, y + half])


def middle_of(face):
    return ((face.box[:2] + face.box[2:]) / 2).tolist()


def test_three_looks_find_a_face_that_is_not_in_the_middle_of_its_box(landmarks):
    found = landmarks.in_box(discs((300, 220)), box_about(330, 190))
    assert found.points.shape == (222, 2)
    assert np.ptp(found.points, axis=0).mean() == pytest.approx(0.85 / 0.2**0.5 * 60 * np.pi**0.5, rel=0.15)
    assert ((found.points.min(axis=0) + found.points.max(axis=0)) / 2).tolist() == pytest.approx(
        [300, 220], abs=2
    )
    assert (found.pitch, found.yaw, found.probability) == pytest.approx((0.1, -0.2, 0.9))


def test_a_face_is_found_again_from_where_it_was(landmarks):
    before = landmarks.in_box(discs((300, 220)), box_about(300, 220)).points
    after = landmarks.near(discs((312, 226)), before).points
    assert (after - before).mean(axis=0).tolist() == pytest.approx([12, 6], abs=1.0)


@pytest.mark.parametrize("box", [(50, 60, 50, 60), (np.nan, 0, 10, 10)], ids=["no size", "no number"])
def test_a_box_without_a_size_holds_no_face(landmarks, box):
    assert landmarks.in_box(discs((300, 220)), np.array(box, np.float64)) is None


def test_a_black_picture_holds_no_face(landmarks):
    assert landmarks.in_box(discs(), box_about(300, 220)) is None


def test_the_crop_turns_points_upright_and_leaves_a_margin():
    points = 200.0 * face_of_landmarks().astype(np.float64)
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    matrix = crop_matrix(points @ turn.T + [400.0, 300.0], 0.5)
    inside = (points @ turn.T + [400.0, 300.0]) @ matrix[:, :2].T + matrix[:, 2]
    expected = points / 170.0 * 0.85 * INPUT_PX + INPUT_PX / 2
    np.testing.assert_allclose(inside, expected, atol=1e-3)


def test_a_face_is_followed_without_being_detected_again(landmarks):
    tracker = LandmarkTracker(landmarks)
    tracker.step(discs((300, 220)), [box_about(300, 220)])
    for step in range(1, 6):
        tracker.step(discs((300 + 8 * step, 220)), [])
    assert len(tracker.faces) == 1
    assert middle_of(tracker.faces[0]) == pytest.approx([340, 220], abs=6)


def test_a_face_that_is_detected_again_counts_once(landmarks):
    tracker = LandmarkTracker(landmarks)
    for _ in range(3):
        tracker.step(discs((250, 220), (600, 240)), [box_about(250, 220), box_about(600, 240)])
    assert sorted(middle_of(face)[0] for face in tracker.faces) == pytest.approx([250, 600], abs=4)


def test_a_face_that_leaves_is_let_go_and_a_new_one_is_picked_up(landmarks):
    tracker = LandmarkTracker(landmarks)
    tracker.step(discs((250, 220)), [box_about(250, 220)])
    tracker.step(discs(), [])
    assert tracker.faces == []
    tracker.step(discs((600, 220)), [box_about(600, 220)])
    assert middle_of(tracker.faces[0]) == pytest.approx([600, 220], abs=3)


def test_specks_are_no_faces(landmarks):
    tracker = LandmarkTracker(landmarks)
    tracker.step(discs((250, 220), radius=5), [box_about(250, 220, half=8)])
    assert tracker.faces == []


@pytest.mark.parametrize("probability", [0.00001, float("nan")])
def test_what_the_network_does_not_take_for_a_face_is_none(tmp_path, probability):
    tracker = LandmarkTracker(landmarks_of(tmp_path, probability=probability))
    tracker.step(discs((250, 220)), [box_about(250, 220)])
    assert tracker.faces == []
