"""Which of a clip's faces is meant, in every frame."""

import numpy as np
import pytest

from engine.conditioning.face_choice import chosen_faces, most_faces


def frame(*lefts, side=100.0, top=50.0):
    return np.array([[left, top, left + side, top + side] for left in lefts]).reshape(-1, 4)


def lefts(frames, chosen):
    return [None if face is None else boxes[face, 0] for boxes, face in zip(frames, chosen, strict=True)]


@pytest.mark.parametrize(("index", "expected"), [(0, [10, 14, 18]), (1, [300, 298, 296])])
def test_faces_count_from_the_left_in_whatever_order_they_were_found(index, expected):
    frames = [frame(300, 10), frame(14, 298), frame(296, 18)]
    assert lefts(frames, chosen_faces(frames, index)) == expected


def test_who_crosses_in_front_of_another_stays_the_same_person():
    paths = np.linspace(10, 510, 26), np.linspace(500, 0, 26)
    frames = [np.concatenate([frame(a, top=0.0), frame(b, top=95.0)]) for a, b in zip(*paths, strict=True)]
    assert lefts(frames, chosen_faces(frames, 0)) == paths[0].tolist()
    assert lefts(frames, chosen_faces(frames, 1)) == paths[1].tolist()


def test_a_face_that_is_not_seen_is_not_replaced_by_another():
    frames = [frame(10, 300), frame(300), frame(302), frame(16, 304)]
    assert lefts(frames, chosen_faces(frames, 0)) == [10, None, None, 16]


def test_a_face_that_comes_later_is_followed_back_no_further_than_it_was_seen():
    frames = [frame(300), frame(300), frame(20, 300), frame(24, 300)]
    assert lefts(frames, chosen_faces(frames, 0)) == [None, None, 20, 24]


def test_after_a_cut_faces_are_counted_again():
    frames = [frame(10), frame(12), frame(700), frame(704)]
    assert lefts(frames, chosen_faces(frames, 0)) == [10, 12, 700, 704]


def test_specks_beside_the_driver_are_not_counted():
    speck = frame(5, side=20.0)
    frames = [np.concatenate([speck, frame(200)])] * 3
    assert lefts(frames, chosen_faces(frames, 0)) == [200, 200, 200]
    assert chosen_faces(frames, 1) is None
    assert most_faces(frames) == 1


def test_a_person_who_is_never_there_is_not_chosen():
    assert chosen_faces([frame(), frame(10)], 1) is None
    assert chosen_faces([], 0) is None
    assert most_faces([]) == 0
