"""Lossless segments give every pixel back, always the same bytes, and join without a seam."""

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engine.media.audio_reader import read_audio
from engine.media.lossless import join_segments, write_segment
from engine.media.video_reader import VideoReader
from engine.media.wav import write_wav
from engine.protocol.errors import BugError, UserError

RATE = Fraction(24_000, 1001)


def noise_pictures(count: int, channels: int = 3, height: int = 35, width: int = 51) -> list[np.ndarray]:
    generator = np.random.default_rng(count + channels)
    return [generator.integers(0, 256, (height, width, channels), np.uint8) for _ in range(count)]


@pytest.mark.parametrize("channels", [3, 4])
def test_every_pixel_comes_back(tmp_path: Path, channels: int) -> None:
    pictures = noise_pictures(5, channels)
    assert write_segment(tmp_path / "a.mkv", iter(pictures), RATE) == 5
    with VideoReader(tmp_path / "a.mkv") as reader:
        assert reader.frame_rate == RATE
        assert reader.has_alpha == (channels == 4)
        for number, picture in enumerate(pictures):
            assert np.array_equal(reader.frame_number(number), picture[:, :, :3])
            if channels == 4:
                assert np.array_equal(reader.bgra_frame_number(number), picture)


def test_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("a.mkv", "b.mkv", "c.mkv"):
        write_segment(tmp_path / name, noise_pictures(16), RATE)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("rate", [RATE, Fraction(24), Fraction(30_000, 1001), Fraction(60)])
def test_joined_movie_has_all_frames_at_exact_times(tmp_path: Path, rate: Fraction, channels: int) -> None:
    pictures = noise_pictures(40, channels)
    paths = [tmp_path / f"{start:06d}.mkv" for start in range(0, 40, 16)]
    for start, path in zip(range(0, 40, 16), paths, strict=True):
        write_segment(path, pictures[start : start + 16], rate)
    count = round(40 / rate * 48_000)
    sound = np.random.default_rng(9).uniform(-1, 1, (count, 2)).astype(np.float32)
    assert join_segments(paths, tmp_path / "master.mkv", rate, sound) == 40
    with VideoReader(tmp_path / "master.mkv") as reader:
        assert reader.frame_count == 40
        assert reader.frame_rate == rate
        assert reader.duration_s == 40 / rate
        assert all(np.array_equal(reader.frame_number(n), pictures[n][:, :, :3]) for n in range(40))
        assert all(np.array_equal(reader.frame_at(n / rate), pictures[n][:, :, :3]) for n in range(40))
    heard = read_audio(tmp_path / "master.mkv")
    assert heard.shape == (count, 2)
    assert np.abs(heard - sound).max() < 2e-7


def test_joining_is_deterministic_and_silent_without_sound(tmp_path: Path) -> None:
    write_segment(tmp_path / "a.mkv", noise_pictures(3), RATE)
    for name in ("one.mkv", "two.mkv"):
        join_segments([tmp_path / "a.mkv", tmp_path / "a.mkv"], tmp_path / name, RATE)
    assert (tmp_path / "one.mkv").read_bytes() == (tmp_path / "two.mkv").read_bytes()
    with pytest.raises(UserError, match="has no sound"):
        read_audio(tmp_path / "one.mkv")


def test_failing_picture_leaves_no_segment(tmp_path: Path) -> None:
    def failing() -> object:
        yield noise_pictures(1)[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_segment(tmp_path / "a.mkv", failing(), RATE)  # type: ignore[arg-type]
    with pytest.raises(BugError):
        write_segment(tmp_path / "a.mkv", [], RATE)
    with pytest.raises(BugError):
        write_segment(tmp_path / "a.mkv", [*noise_pictures(1), *noise_pictures(1, height=20)], RATE)
    assert list(tmp_path.iterdir()) == []


def test_segments_of_different_kinds_are_not_joined(tmp_path: Path) -> None:
    write_segment(tmp_path / "a.mkv", noise_pictures(2), RATE)
    write_segment(tmp_path / "b.mkv", noise_pictures(2, height=20), RATE)
    with pytest.raises(BugError):
        join_segments([tmp_path / "a.mkv", tmp_path / "b.mkv"], tmp_path / "out.mkv", RATE)
    assert not (tmp_path / "out.mkv").exists()


def test_missing_segment_is_named(tmp_path: Path) -> None:
    write_segment(tmp_path / "a.mkv", noise_pictures(2), RATE)
    with pytest.raises(UserError, match=r"There is no file b\.mkv"):
        join_segments([tmp_path / "a.mkv", tmp_path / "b.mkv"], tmp_path / "out.mkv", RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize(("bits", "step"), [(16, 1 / 32_768), (24, 1 / 8_388_608), (32, 0.0)])
def test_wav_keeps_every_sample(tmp_path: Path, bits: int, step: float) -> None:
    sound = np.random.default_rng(9).uniform(-1, 1, (12_345, 2)).astype(np.float32)
    sound[:2] = [[1.0, -1.0], [3.0, -3.0]]
    write_wav(tmp_path / "a.wav", sound, 48_000, bits)
    heard = read_audio(tmp_path / "a.wav")
    assert heard.shape == (12_345, 2)
    assert np.abs(heard - sound.clip(-1, 1)).max() <= step
