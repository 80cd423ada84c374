"""Small pictures and outlines of sound."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engine.media.opencv import cv2
from engine.media.thumbnails import still_thumbnail, video_thumbnails
from engine.media.wav import write_wav
from engine.media.waveform import read_peaks
from engine.protocol.errors import UserError
from tests.engine.media.movies import Movie, clicks, numbered_picture, write_movie


def test_still_thumbnail_keeps_the_aspect_and_the_colours(tmp_path: Path) -> None:
    path = tmp_path / "plate.png"
    path.write_bytes(cv2.imencode(".png", np.full((300, 200, 3), (10, 120, 250), np.uint8))[1].tobytes())
    small = still_thumbnail(path, 60)
    assert small.shape == (60, 40, 3)
    assert (small == (10, 120, 250)).all()
    assert still_thumbnail(path, 5000).shape == (300, 200, 3)


def test_transparent_still_is_black_where_nothing_is(tmp_path: Path) -> None:
    path = tmp_path / "plate.png"
    picture = np.full((64, 64, 4), 255, np.uint8)
    picture[:, :32, 3] = 0
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    small = still_thumbnail(path, 32)
    assert not small[:, :15].any()
    assert (small[:, 17:] == 255).all()


def test_movie_thumbnails_are_of_the_times_asked(movies: Callable[..., Path]) -> None:
    path = movies("thumbnails.mp4", count=48, options={"preset": "ultrafast", "crf": "12"})
    times = [Fraction(n, 24) for n in (0, 10, 40)]
    for number, small in zip((0, 10, 40), video_thumbnails(path, times, 48), strict=True):
        assert small.shape == (32, 48, 3)
        expected = cv2.resize(numbered_picture(number), (48, 32), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - expected).mean() < 8


def test_peaks_are_the_extremes_of_each_stretch(tmp_path: Path) -> None:
    sound = np.zeros((48_000, 2), np.float32)
    sound[479, 0], sound[480, 1], sound[47_999, 0] = 0.5, -0.25, 0.75
    write_wav(tmp_path / "a.wav", sound, 48_000)
    peaks = read_peaks(tmp_path / "a.wav", peaks_per_s=100)
    assert peaks.shape == (100, 2)
    assert peaks[0].tolist() == [0.0, 0.5]
    assert peaks[1].tolist() == [-0.25, 0.0]
    assert peaks[99].tolist() == [0.0, 0.75]
    assert not peaks[2:99].any()


@pytest.mark.parametrize("rate", [44_100, 22_050])
def test_peaks_lie_where_the_sound_lies_beside_the_pictures(tmp_path: Path, rate: int) -> None:
    movie = Movie(
        times=range(12, 36),
        options={"preset": "ultrafast"},
        sound=clicks([rate + 5], 2 * rate),
        sound_rate=rate,
        sound_codec="pcm_s16le",
    )
    peaks = read_peaks(write_movie(tmp_path / "a.mov", movie), peaks_per_s=100)
    assert np.flatnonzero(peaks[:, 1]).tolist() == [50]


def test_peaks_of_a_file_without_sound_are_refused(movies: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="has no sound"):
        read_peaks(movies("silent.mp4", count=5, options={"preset": "ultrafast"}))
