"""The samples that ship with Masque: present, small, what they claim to be, and fit to be worked with."""

import wave
from importlib.resources import as_file, files
from pathlib import Path

import av
import numpy as np
import pytest

from engine.media.opencv import cv2

LARGEST_BYTES = 2_000_000
ALL_TOGETHER_BYTES = 3_000_000
NAMES = ("duet.png", "driver_smile.mp4", "driver_pair.mp4", "voice.wav")


def sample(name: str) -> Path:
    with as_file(files("resources") / "samples" / name) as path:
        return path


def frames_of(name: str) -> list[np.ndarray]:
    with av.open(str(sample(name))) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def faces_in(picture: np.ndarray, cascade: str) -> list[tuple[int, int, int, int]]:
    finder = cv2.CascadeClassifier(
        str(Path(cv2.data.haarcascades) / f"haarcascade_frontalface_{cascade}.xml")
    )
    found = finder.detectMultiScale(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), 1.1, 5)
    return sorted(tuple(int(value) for value in box) for box in found)


@pytest.fixture(scope="module")
def solo_frames() -> list[np.ndarray]:
    return frames_of("driver_smile.mp4")


def test_every_sample_is_there_and_small():
    sizes = {name: sample(name).stat().st_size for name in NAMES}
    assert all(1000 < size < LARGEST_BYTES for size in sizes.values()), sizes
    everything = sum(path.stat().st_size for path in sample("duet.png").parent.iterdir())
    assert everything < ALL_TOGETHER_BYTES


@pytest.mark.parametrize("cascade", ["default", "alt2"])
def test_the_still_shows_two_faces_and_nothing_else_that_looks_like_one(cascade):
    picture = cv2.imread(str(sample("duet.png")))
    assert picture.shape == (720, 1280, 3)
    left, right = faces_in(picture, cascade)
    for (x, y, width, height), eyes in ((left, (396, 315)), (right, (859, 291))):
        assert x < eyes[0] < x + width and y < eyes[1] < y + height
        assert 180 < width < 320


@pytest.mark.parametrize(
    ("name", "size", "frame_count"),
    [("driver_smile.mp4", (512, 512), 96), ("driver_pair.mp4", (768, 432), 72)],
)
def test_the_clips_are_h264_at_24_frames_with_colour_tags(name, size, frame_count):
    with av.open(str(sample(name))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate, stream.frames) == ("h264", 24, frame_count)
        assert (stream.width, stream.height, stream.pix_fmt) == (*size, "yuv420p")
        codec = stream.codec_context
        assert (codec.color_primaries, codec.color_trc, codec.colorspace) == (1, 1, 1)
        assert [frame.pts * stream.time_base * 24 for frame in container.decode(stream)] == list(
            range(frame_count)
        )


def test_the_performers_face_is_found_in_nearly_every_frame(solo_frames):
    every_third = solo_frames[::3]
    found = [len(faces_in(frame, "default")) == 1 for frame in every_third]
    assert sum(found) >= 0.9 * len(found)


def test_both_performers_are_found_in_the_pair_clip():
    found = [len(faces_in(frame, "alt2")) == 2 for frame in frames_of("driver_pair.mp4")[::6]]
    assert sum(found) >= 0.9 * len(found)


def test_the_performer_is_still_for_half_a_second_and_moves_afterwards(solo_frames):
    still = max(_difference(solo_frames[0], frame) for frame in solo_frames[1:12])
    moving = [_difference(solo_frames[0], frame) for frame in solo_frames[20:80]]
    assert still < 0.5
    assert min(moving) > 0.8 and max(moving) > 5


def test_the_voice_is_clean_speech_like_sound():
    samples, rate = _voice()
    assert rate == 24_000
    assert 3.5 < len(samples) / rate < 5.5
    assert 0.5 < np.abs(samples).max() < 0.9, "loud enough and clear of clipping"
    assert abs(samples.mean()) < 1e-3
    assert np.abs(samples[:480]).max() < 0.01 and np.abs(samples[-480:]).max() < 0.01


def test_the_voice_has_the_rhythm_of_syllables_and_two_pauses():
    samples, rate = _voice()
    step = rate // 100
    loudness = np.sqrt((samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(axis=1))
    smooth = np.convolve(loudness, np.hanning(9) / np.hanning(9).sum(), mode="same")
    syllables = [
        i
        for i in range(4, len(smooth) - 4)
        if smooth[i] == smooth[i - 4 : i + 5].max() and smooth[i] > 0.2 * smooth.max()
    ]
    assert 3 < len(syllables) / (len(samples) / rate) < 7, "syllables a second, as in speech"
    quiet = smooth < 0.02 * smooth.max()
    starts = np.flatnonzero(quiet[1:] & ~quiet[:-1])
    pauses = [start for start in starts if quiet[start + 1 : start + 18].all() and start < len(smooth) - 30]
    assert len(pauses) == 2


def test_the_voice_has_a_pitch_that_falls_towards_the_end():
    samples, rate = _voice()
    middle, end = (_pitch_hz(samples[int(at * rate) : int((at + 0.12) * rate)], rate) for at in (1.75, 4.2))
    assert 120 < end < middle < 300


def _voice() -> tuple[np.ndarray, int]:
    with wave.open(str(sample("voice.wav"))) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768, file.getframerate()


def _pitch_hz(samples: np.ndarray, rate: int) -> float:
    """Return the pitch of a stretch by the highest peak of its autocorrelation between 100 and 350 Hz."""
    likeness = np.correlate(samples, samples, mode="full")[len(samples) - 1 :]
    shortest, longest = rate // 350, rate // 100
    return rate / (shortest + int(np.argmax(likeness[shortest:longest])))


def _difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second).mean())
