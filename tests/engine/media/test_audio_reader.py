"""Sound lies to the sample where it belongs."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.media.audio_reader import read_audio
from engine.protocol.errors import ErrorCode, UserError
from tests.engine.media.movies import Movie, clicks, mux_sound, numbered_picture, write_movie

Movies = Callable[..., Path]
PLACES_S = (Fraction(1, 10), Fraction(3, 4), Fraction(13, 10), Fraction(19, 10))


def write_sound(path: Path, samples: np.ndarray, codec: str, rate: int = 48_000) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        mux_sound(container, stream, Movie(sound=samples, sound_rate=rate))
    return path


def click_track(rate: int, length_s: int = 2) -> np.ndarray:
    return clicks([round(place * rate) for place in PLACES_S], length_s * rate)


def peaks_at(samples: np.ndarray) -> list[int]:
    """Where the loudest sample near each expected place is."""
    found = []
    for place in PLACES_S:
        middle = round(place * 48_000)
        around = np.abs(samples[middle - 400 : middle + 400, 0])
        found.append(middle - 400 + int(around.argmax()))
        assert around.max() > 0.2
    return found


EXPECTED = [round(place * 48_000) for place in PLACES_S]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.wav", "pcm_s16le"),
        ("a24.wav", "pcm_s24le"),
        ("a.mov", "pcm_s24le"),
        ("a.flac", "flac"),
        ("a.mkv", "pcm_f32le"),
    ],
)
def test_lossless_sound_comes_back_sample_for_sample(tmp_path: Path, name: str, codec: str) -> None:
    noise = np.random.default_rng(2).uniform(-0.9, 0.9, (100_001, 2)).astype(np.float32)
    samples = read_audio(write_sound(tmp_path / name, noise, codec))
    assert samples.dtype == np.float32
    assert samples.shape == (100_001, 2)
    assert np.abs(samples - noise).max() < 1 / 32_000


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
def test_other_rates_are_resampled_within_a_sample(tmp_path: Path, rate: int) -> None:
    samples = read_audio(write_sound(tmp_path / "clicks.wav", click_track(rate), "pcm_f32le", rate))
    assert samples.shape == (96_000, 2)
    assert np.abs(np.subtract(peaks_at(samples * max(1, 48_000 / rate)), EXPECTED)).max() <= 1


def test_resampled_tone_is_clean(tmp_path: Path) -> None:
    tone = np.sin(np.arange(44_100) * 2 * np.pi * 1000 / 44_100)
    stereo = np.repeat(tone[:, None], 2, axis=1).astype(np.float32) / 2
    samples = read_audio(write_sound(tmp_path / "tone.wav", stereo, "pcm_f32le", 44_100))
    expected = np.sin(np.arange(48_000) * 2 * np.pi * 1000 / 48_000) / 2
    assert np.abs(samples[1000:-1000, 0] - expected[1000:-1000]).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.m4a", "aac", 48_000),
        ("b.m4a", "aac", 44_100),
        ("a.mka", "aac", 48_000),
        ("a.mp3", "mp3", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.webm", "libopus", 48_000),
    ],
)
def test_what_encoders_put_before_the_sound_is_left_out(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    samples = read_audio(write_sound(tmp_path / name, click_track(rate), codec, rate))
    assert np.abs(np.subtract(peaks_at(samples), EXPECTED)).max() <= 1


@pytest.mark.parametrize("name", ["b.mov", "c.mp4", "c.mkv"])
@pytest.mark.parametrize(("delay", "late_frames"), [(0, 0), (12_345, 0), (0, 6), (4_800, 12)])
def test_sound_keeps_its_place_beside_the_pictures(
    tmp_path: Path, name: str, delay: int, late_frames: int
) -> None:
    """Sound that starts `delay` samples after the file's zero, pictures that start `late_frames` frames after
    it.
    """
    codec = "pcm_s16le" if name == "b.mov" else "aac"
    length = 96_000
    movie = Movie(
        times=range(late_frames, late_frames + 48),
        options={"preset": "ultrafast"},
        sound=clicks([48_000 - delay], length),
        sound_codec=codec,
        sound_start=delay,
        container_options={} if name == "c.mkv" else {"movie_timescale": "48000"},
    )
    samples = read_audio(write_movie(tmp_path / name, movie))
    expected = 48_000 - late_frames * 2_000
    # Matroska's clock ticks in milliseconds: 48 samples.
    assert abs(int(np.abs(samples[:, 0]).argmax()) - expected) <= (
        0 if codec != "aac" else 48 if name == "c.mkv" else 1
    )


@pytest.mark.parametrize("rate", [48_000, 44_100])
@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_a_part_equals_that_part_of_the_whole(tmp_path: Path, rate: int, codec: str) -> None:
    noise = np.random.default_rng(2).uniform(-0.9, 0.9, (6 * rate, 2)).astype(np.float32)
    path = write_sound(tmp_path / "noise.mov", noise, codec, rate)
    whole = read_audio(path, end_s=Fraction(9))
    assert whole.shape == (9 * 48_000, 2)
    for start_s, end_s in (
        (Fraction(1, 3), Fraction(2, 3)),
        (Fraction(7, 2), Fraction(23, 5)),
        (Fraction(5), Fraction(8)),
    ):
        part = read_audio(path, start_s=start_s, end_s=end_s)
        first, count = round(start_s * 48_000), round((end_s - start_s) * 48_000)
        assert part.shape == (count, 2)
        there = whole[first : first + count]
        assert np.abs(part - there).max() < 1e-6


def test_silence_stands_before_and_after_the_sound(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", np.full((480, 2), 0.5, np.float32), "pcm_f32le")
    samples = read_audio(path, start_s=Fraction(-1, 100), end_s=Fraction(3, 100))
    assert samples.shape == (1920, 2)
    assert not samples[:480].any()
    assert (samples[480:960] == 0.5).all()
    assert not samples[960:].any()


def test_one_channel_sounds_on_both_sides_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "mono.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=48_000, layout="mono")
        tone = np.linspace(-0.8, 0.8, 4800, dtype=np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="flt", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = read_audio(path)
    assert np.array_equal(samples[:, 0], tone[0])
    assert np.array_equal(samples[:, 1], tone[0])


def test_six_channels_are_mixed_down_with_speech_at_its_level(tmp_path: Path) -> None:
    path = tmp_path / "surround.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=48_000, layout="5.1")
        channels = np.zeros((4800, 6), np.float32)
        channels[:, 2] = 0.8
        frame = av.AudioFrame.from_ndarray(channels.reshape(1, -1), format="flt", layout="5.1")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = read_audio(path)
    assert samples.shape == (4800, 2)
    assert np.allclose(samples, 0.8 / np.sqrt(2), atol=1e-5)


def test_file_without_sound_says_so(movies: Movies) -> None:
    path = movies("silent.mp4", count=5, options={"preset": "ultrafast"})
    with pytest.raises(UserError, match=r"silent\.mp4 has no sound") as caught:
        read_audio(path)
    assert caught.value.report.code is ErrorCode.FORMAT_UNSUPPORTED


def test_sound_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", np.full((48_000, 2), 0.5, np.float32), "pcm_s16le")
    path.write_bytes(path.read_bytes()[:100_000])
    samples = read_audio(path, end_s=Fraction(1))
    assert samples.shape == (48_000, 2)
    assert (np.abs(samples[:24_000] - 0.5) < 1e-4).all()
    assert not samples[26_000:].any()


def test_text_called_wav_is_called_text(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    path.write_text("la la la " * 100)
    with pytest.raises(UserError, match="it is a text file"):
        read_audio(path)


def test_picture_has_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "plate.png"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgb24"
        frame = av.VideoFrame.from_ndarray(numbered_picture(0)[:, :, ::-1].copy(), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UserError, match="a PNG picture, not a movie or a sound file"):
        read_audio(path)
