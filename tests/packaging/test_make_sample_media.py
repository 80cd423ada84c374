"""The samples are made by a program in this repository, and it makes the same ones every time."""

import importlib
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from engine.media.opencv import cv2

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "resources" / "samples"


@pytest.fixture
def maker(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "packaging"))
    return importlib.import_module("make_sample_media")


@pytest.fixture
def performance(maker):
    return importlib.import_module("sample_performance")


def test_painting_the_still_again_gives_the_same_picture(maker, performance, tmp_path):
    first, second = performance.paint_duet(), performance.paint_duet()
    assert first.picture().tobytes() == second.picture().tobytes()
    maker.write_still(tmp_path / "again.png", second)
    again, shipped = (
        cv2.imread(str(path)).astype(int) for path in (tmp_path / "again.png", SAMPLES / "duet.png")
    )
    assert np.array_equal(again, first.picture())
    # Another processor may round the last bit of a blur differently.
    assert np.abs(again - shipped).max() <= 2
    assert (again == shipped).mean() > 0.999


def test_writing_a_clip_again_gives_the_same_frames(maker, performance, tmp_path):
    decoded = []
    for name in ("first.mp4", "second.mp4"):
        maker.write_clip(tmp_path / name, performance.solo_painter(), 5)
        decoded.append(_frames(tmp_path / name))
    assert len(decoded[0]) == 5
    assert all(np.array_equal(first, second) for first, second in zip(*decoded, strict=True))


@pytest.mark.parametrize(
    ("name", "painter"), [("driver_smile.mp4", "solo_painter"), ("driver_pair.mp4", "pair_painter")]
)
def test_the_shipped_clips_show_what_is_painted(performance, name, painter):
    paint = getattr(performance, painter)()
    shipped = _frames(SAMPLES / name)
    for number in (0, 20, 33, 50, 64):
        difference = np.abs(paint(number).picture().astype(int) - shipped[number])
        assert difference.mean() < 2.5, f"frame {number}"


def test_synthesising_the_voice_again_gives_the_same_sound(maker, tmp_path):
    maker.write_voice(tmp_path / "voice.wav")
    assert np.abs(_samples(tmp_path / "voice.wav") - _samples(SAMPLES / "voice.wav")).max() <= 2


def test_no_file_here_makes_a_package_that_would_hide_the_library_of_the_same_name():
    assert not (REPOSITORY / "packaging" / "__init__.py").exists()
    library = importlib.import_module("packaging")
    assert library.__file__ is not None and "site-packages" in library.__file__


def _frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def _samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(int)
