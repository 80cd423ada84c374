"""Finding faces and what is in them."""

import numpy as np
import pytest

from engine.benchmark.drawn_face import DrawnExpression, draw_face
from engine.draft.face_detection import find_faces
from engine.draft.face_features import AVERAGE_FEATURES, PixelBox, find_features
from engine.draft.face_frame import LEFT_EYE, MOUTH, RIGHT_EYE, apply, pose_of


@pytest.mark.parametrize("expression", [DrawnExpression(), DrawnExpression(mouth_open=1.0, roll=0.15)])
def test_a_drawn_face_is_found_where_it_is(expression):
    (face,) = find_faces(draw_face(expression))

    assert face.view == "frontal"
    assert face.confidence > 0.9
    assert 0.45 < face.x + face.width / 2 < 0.55
    assert 0.4 < face.width < 0.65


def test_faces_come_from_left_to_right():
    pair = np.hstack([draw_face(), draw_face(DrawnExpression(smile=1.0)), draw_face()])

    faces = find_faces(pair)

    assert [round(3 * (face.x + face.width / 2) - 0.5) for face in faces] == [0, 1, 2]


def test_no_face_is_seen_in_noise_in_flat_colour_or_in_a_speck():
    noise = np.random.default_rng(3).integers(0, 255, (300, 400, 3), np.uint8)

    assert find_faces(noise) == ()
    assert find_faces(np.full((300, 400, 3), 90, np.uint8)) == ()
    assert find_faces(np.full((8, 8, 3), 90, np.uint8)) == ()


def test_a_body_without_a_head_is_not_a_face():
    picture = draw_face()
    picture[:410] = picture[0, 0]

    assert find_faces(picture) == ()


def test_eyes_and_mouth_lie_in_the_same_places_of_the_face_frame():
    picture = draw_face(DrawnExpression(roll=0.1))
    (face,) = find_faces(picture)
    box = PixelBox(x=face.x * 512, y=face.y * 512, width=face.width * 512, height=face.height * 512)

    features = find_features(picture, box)
    pose = pose_of(features, box)

    assert features.eyes_found
    assert features.mouth_found
    turn = np.array([[np.cos(0.1), np.sin(0.1)], [-np.sin(0.1), np.cos(0.1)]])
    drawn = [
        turn @ (np.array(point) - (256, 330)) + (256, 330) for point in ((208, 218), (304, 218), (256, 344))
    ]
    for place, truth in zip((LEFT_EYE, RIGHT_EYE, MOUTH), drawn, strict=True):
        # OpenCV's positive angle turns against the clock, so the drawing is mirrored about the pivot's column
        mirrored = np.array([512 - truth[0], truth[1]])
        found = apply(pose, np.array(place))
        assert min(np.abs(found - truth).max(), np.abs(found - mirrored).max()) < 16


def test_a_box_off_the_picture_has_average_features():
    features = find_features(draw_face(), PixelBox(x=480.0, y=480.0, width=200.0, height=200.0))

    assert features == AVERAGE_FEATURES


def test_a_box_smaller_than_a_thumbnail_has_average_features():
    assert find_features(draw_face(), PixelBox(x=200.0, y=200.0, width=6.0, height=6.0)) == AVERAGE_FEATURES
