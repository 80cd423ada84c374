"""The same request gives the same pictures, whatever the machine does meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest

from engine.benchmark.drawn_media import drawn_performance, write_drawn_clip
from engine.draft.analysis_cache import cached_analysis
from engine.draft.draft_shot import DraftShot
from engine.draft.driving_analysis import DriverPart, analyse_driver
from engine.media.opencv import cv2

RATE = Fraction(20)
FRAMES = 5


class KilledError(Exception):
    """Stands for a worker that ends in the middle."""


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """A short driver, whole."""
    path = tmp_path_factory.mktemp("short") / "short.mkv"
    write_drawn_clip(path, drawn_performance(FRAMES, RATE), RATE)
    return DriverPart(
        path=path,
        content_hash="short",
        face_index=0,
        neutral_s=None,
        start_s=Fraction(0),
        end_s=FRAMES / RATE,
    )


@pytest.fixture(scope="module")
def alone(part):
    """Its motion, analysed on one thread."""
    return on_threads(1, part)


def on_threads(count, part):
    """Analyse a part with OpenCV on `count` threads."""
    usual = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        return analyse_driver(part, lambda _share: None, lambda: None)
    finally:
        cv2.setNumThreads(usual)


def same(one, other):
    return all(
        np.array_equal(np.asarray(getattr(one, field.name)), np.asarray(getattr(other, field.name)))
        for field in fields(one)
    )


def test_an_analysis_is_the_same_on_one_thread_and_on_several(part, alone):
    assert same(alone, on_threads(2, part))


def test_a_killed_analysis_leaves_nothing_that_is_taken_for_a_whole_one(part, alone, tmp_path):
    steps = iter(range(100))

    def check():
        if next(steps) > 6:
            raise KilledError

    with pytest.raises(KilledError):
        cached_analysis(part, tmp_path, lambda _share: None, check)
    assert not list(tmp_path.glob("*.npz"))

    assert same(alone, cached_analysis(part, tmp_path, lambda _share: None, lambda: None))
    # read back from the file this time
    assert same(alone, cached_analysis(part, tmp_path, lambda _share: None, lambda: None))


def test_pictures_drawn_at_once_in_any_order_are_those_drawn_one_by_one(
    request_for, character, drive, speak, cache
):
    request = request_for(character(driving=[drive()], voices=[speak()]))
    shot = DraftShot.prepare(request, cache_directory=cache)
    one_by_one = [shot.picture(frame) for frame in range(9, 15)]

    again = DraftShot.prepare(request, cache_directory=cache)
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(again.picture, reversed(range(9, 15))))

    assert all(np.array_equal(one, other) for one, other in zip(one_by_one, at_once[::-1], strict=True))


def test_pictures_are_the_same_on_one_thread_and_on_several(shoot, character, drive, speak):
    shot = shoot(character(driving=[drive()], voices=[speak()]))
    usual = cv2.getNumThreads()
    pictures = []
    for count in (1, 2):
        cv2.setNumThreads(count)
        pictures.append([shot.picture(frame) for frame in (5, 11, 14)])
    cv2.setNumThreads(usual)

    assert np.array_equal(*pictures)
