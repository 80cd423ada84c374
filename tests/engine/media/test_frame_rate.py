"""Pictures brought from one frame rate to another."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.media.frame_rate import resample_pictures
from engine.media.opencv import cv2
from engine.protocol.errors import BugError


def texture(seed, side=96):
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)


def scene(seed, side=160):
    """Coloured discs on a coloured ground."""
    random = np.random.default_rng(seed)
    picture = np.full((side, side, 3), random.integers(0, 255, 3), np.uint8)
    for _ in range(40):
        centre = tuple(int(place) for place in random.integers(0, side, 2))
        colour = tuple(int(level) for level in random.integers(0, 255, 3))
        cv2.circle(picture, centre, int(random.integers(4, 30)), colour, -1)
    return picture


def travelling(count, step=4):
    """A patterned patch that travels `step` pixels a frame over another pattern."""
    ground, patch = texture(1, 128), texture(2, 40)
    pictures = []
    for number in range(count):
        picture = ground.copy()
        picture[44:84, 8 + step * number : 48 + step * number] = patch
        pictures.append(picture)
    return pictures


def error(picture, wanted):
    return float(np.mean((picture.astype(np.float64) - wanted) ** 2))


def test_at_whole_positions_the_pictures_themselves_come_out():
    pictures = travelling(5)

    came = list(resample_pictures(pictures, range(5)))

    assert all(one is other for one, other in zip(came, pictures, strict=True))


@given(first=st.integers(1, 60), second=st.integers(1, 60), count=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_every_position_gets_one_picture_at_any_pair_of_rates(first, second, count):
    positions = [Fraction(number * first, second) for number in range(count)]
    pictures = [np.full((16, 16, 3), 7, np.uint8)] * (int(positions[-1]) + 2)

    came = list(resample_pictures(pictures, positions))

    assert len(came) == count
    assert all(np.array_equal(picture, pictures[0]) for picture in came)


def test_between_two_pictures_things_are_where_they_travel_through():
    truth = travelling(9, step=2)
    known = truth[::2]

    came = list(resample_pictures(known, [Fraction(number, 2) for number in range(9)]))

    for number in (1, 3, 5, 7):
        before, after = truth[number - 1].astype(np.float64), truth[number + 1].astype(np.float64)
        assert error(came[number], truth[number]) < 0.4 * error((before + after) / 2, truth[number])
        assert error(came[number], truth[number]) < 0.4 * error(before, truth[number])


def test_an_instant_nearer_to_a_picture_looks_more_like_it():
    first, second = travelling(2)
    near, far = resample_pictures([first, second], [Fraction(1, 8), Fraction(7, 8)])

    assert error(near, first) < error(far, first)
    assert error(far, second) < error(near, second)


@pytest.mark.parametrize("number", range(6))
def test_across_a_cut_one_scene_stands_alone(number):
    scenes = [scene(number), scene(100 + number)]

    before, after = resample_pictures(scenes, [Fraction(1, 3), Fraction(2, 3)])

    assert np.array_equal(before, scenes[0])
    assert np.array_equal(after, scenes[1])


def test_what_changes_colour_in_place_is_not_blended():
    """Eyes that open or look elsewhere: half of both would be a second pair of eyes."""
    first = texture(5, 128)
    second = first.copy()
    first[50:70, 50:70], second[50:70, 50:70] = 20, 235

    (middle,) = resample_pictures([first, second], [Fraction(2, 5)])

    eyes = middle[54:66, 54:66].astype(int)
    assert np.minimum(abs(eyes - 20), abs(eyes - 235)).max() < 30


def test_a_position_that_is_whole_but_for_rounding_takes_the_picture():
    pictures = travelling(3)

    came = list(resample_pictures(pictures, [0.0, 1 - 1e-9, 2 + 1e-9]))

    assert all(one is other for one, other in zip(came, pictures, strict=True))


def test_no_more_pictures_are_taken_than_needed_and_only_two_are_held():
    taken = []

    def source():
        for picture in travelling(6):
            taken.append(len(taken))
            yield picture

    stream = resample_pictures(source(), [0, Fraction(1, 2), 1, 3])
    seen = [len(taken) for _ in stream]

    assert seen == [1, 2, 2, 4]


def test_the_same_pictures_give_the_same_result():
    pictures = travelling(3)
    positions = [Fraction(1, 3), Fraction(4, 3)]

    once, again = (list(resample_pictures(pictures, positions)) for _ in range(2))

    assert all(np.array_equal(one, other) for one, other in zip(once, again, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 5), (2, 2)])
def test_tiny_pictures_are_no_trouble(size):
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (*size, 3), np.uint8) for _ in range(2)]

    (picture,) = resample_pictures(pictures, [Fraction(1, 2)])

    assert (picture.shape, picture.dtype) == ((*size, 3), np.uint8)


@pytest.mark.parametrize(
    ("positions", "said"),
    [([0, 5], "fewer pictures"), ([1, Fraction(1, 2)], "comes after"), ([-1], "comes after")],
)
def test_impossible_positions_are_a_bug(positions, said):
    with pytest.raises(BugError, match=said):
        list(resample_pictures(travelling(3), positions))


def test_pictures_of_two_sizes_are_a_bug():
    with pytest.raises(BugError, match="not of one shot"):
        list(resample_pictures([texture(1, 32), texture(1, 64)], [Fraction(1, 2)]))


def test_no_positions_take_no_picture():
    assert list(resample_pictures(iter(()), [])) == []
