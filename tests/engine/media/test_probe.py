"""A file is what its bytes are."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.media.opencv import cv2
from engine.media.probe import MediaKind, MediaProbe, probe_media
from engine.media.wav import write_wav
from engine.protocol.errors import UserError
from tests.engine.media.movies import Movie, clicks, mux_sound, numbered_picture


def test_still_is_probed(tmp_path: Path) -> None:
    path = tmp_path / "plate.png"
    path.write_bytes(cv2.imencode(".png", numbered_picture(1))[1].tobytes())
    assert probe_media(path) == MediaProbe(kind=MediaKind.IMAGE, width=96, height=64)


def test_movie_with_sound_is_probed(movies: Callable[..., Path]) -> None:
    path = movies(
        "probed.mp4",
        count=48,
        rate=Fraction(24_000, 1001),
        rotation=90,
        options={"preset": "ultrafast"},
        sound=clicks([100], 96_096),
    )
    assert probe_media(path) == MediaProbe(
        kind=MediaKind.VIDEO,
        width=64,
        height=96,
        duration_s=Fraction(48 * 1001, 24_000),
        frame_rate=Fraction(24_000, 1001),
        frame_count=48,
        video_codec="h264",
        audio_codec="aac",
        audio_channels=2,
        audio_sample_rate=48_000,
    )


def test_sound_is_probed(tmp_path: Path) -> None:
    write_wav(tmp_path / "voice.wav", np.zeros((44_100 * 2, 2), np.float32), 44_100)
    assert probe_media(tmp_path / "voice.wav") == MediaProbe(
        kind=MediaKind.AUDIO,
        duration_s=Fraction(2),
        audio_codec="pcm_s24le",
        audio_channels=2,
        audio_sample_rate=44_100,
    )


def test_movie_with_sound_alone_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "only_sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        mux_sound(container, stream, Movie(sound=clicks([100], 48_000)))
    assert probe_media(path).kind is MediaKind.AUDIO


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.png", b"Scene one. " * 100),
        ("notes.mp4", b"Scene one. " * 100),
        ("noise.wav", np.random.default_rng(0).integers(0, 256, 4000, np.uint8).tobytes()),
        ("empty.mov", b""),
        ("page.html", b"<!doctype html><html></html>"),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
        ("titles.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"),
        ("script.sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"),
    ],
)
def test_what_is_no_media_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        probe_media(tmp_path / name)
    assert name in caught.value.report.message
    assert caught.value.report.next_step


def test_rubbish_never_gives_more_than_a_sentence(movies: Callable[..., Path], tmp_path: Path) -> None:
    whole = movies(
        "rubbish.mp4", count=12, options={"preset": "ultrafast"}, sound=clicks([9], 24_000)
    ).read_bytes()
    generator = np.random.default_rng(11)
    path = tmp_path / "rubbish.mp4"
    for _ in range(60):
        broken = np.frombuffer(whole, np.uint8).copy()
        places = generator.integers(0, len(broken), 30)
        broken[places] = generator.integers(0, 256, 30)
        path.write_bytes(broken.tobytes())
        try:
            assert probe_media(path).kind in MediaKind
        except UserError as error:
            assert "rubbish.mp4" in error.report.message


def test_a_wav_that_was_cut_short_is_refused_and_a_whole_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    write_wav(path, np.zeros((4_800, 2), np.float32), 48_000, bits=16)
    assert probe_media(path).duration_s == Fraction(1, 10)
    path.write_bytes(path.read_bytes()[:-1_000])
    with pytest.raises(UserError, match="cut short"):
        probe_media(path)
