"""Pieces land on their sample, and nothing wraps, clips or gets lost."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engine.media.limiter import limited, peak_of
from engine.media.sound_mix import SoundPiece, mix, request_sample_count, request_sound
from engine.media.sound_pieces import faded
from engine.media.wav import write_wav
from engine.protocol.clips import DrivingInput, LoopMode, VoiceInput, source_time_s
from engine.protocol.errors import UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput, RendererName, RenderRequest
from tests.engine.media.movies import Movie, clicks, write_movie

RATE = 48_000
FILM = Fraction(24_000, 1001)


def noise(count: int, seed: int = 1, level: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-level, level, (count, 2)).astype(np.float32)


@pytest.mark.parametrize("rate", [48_000, 44_100])
@pytest.mark.parametrize("start", [0, 1, 47_999, 48_001, 70_007, -500])
def test_pieces_land_on_their_sample(start: int, rate: int) -> None:
    piece = noise(30_011)
    result = mix([SoundPiece(samples=piece, start_sample=start)], sample_count=123_457, sample_rate=rate)
    expected = np.zeros((123_457, 2), np.float32)
    expected[max(0, start) : start + 30_011] = piece[max(0, -start) :]
    assert result.dtype == np.float32
    assert result.shape == (123_457, 2)
    assert np.abs(result - expected).max() < 1e-8 * 16


def test_pieces_add_up_beyond_full_scale_without_wrapping() -> None:
    loud = np.full((1000, 2), 0.9, np.float32)
    pieces = [SoundPiece(samples=loud)] * 5
    assert np.allclose(mix(pieces, sample_count=1000, sample_rate=RATE), 4.5, atol=1e-6)


def test_gain_is_in_decibels() -> None:
    piece = SoundPiece(samples=np.full((100, 2), 0.5, np.float32), gain_db=-6.0)
    assert np.allclose(mix([piece], sample_count=100, sample_rate=RATE), 0.5 * 10 ** (-6 / 20), atol=1e-7)


def test_what_lies_outside_is_trimmed() -> None:
    pieces = [SoundPiece(samples=noise(100), start_sample=start) for start in (-100, -1000, 50, 9999)]
    assert not mix(pieces, sample_count=50, sample_rate=RATE).any()
    assert mix([], sample_count=7, sample_rate=RATE).shape == (7, 2)
    assert mix(pieces, sample_count=0, sample_rate=RATE).shape == (0, 2)


def test_fades_are_straight_lines() -> None:
    piece = SoundPiece(
        samples=np.ones((1000, 2), np.float32), fade_in_s=Fraction(100, RATE), fade_out_s=Fraction(200, RATE)
    )
    result = faded(piece, RATE)[:, 0]
    assert result[0] == 0
    assert np.allclose(result[:101], np.arange(101) / 100)
    assert (result[100:800] == 1).all()
    assert np.allclose(result[800:], np.arange(200, 0, -1) / 200)


def test_fades_longer_than_the_piece_are_cut_to_it() -> None:
    piece = SoundPiece(samples=np.ones((10, 2), np.float32), fade_in_s=Fraction(5), fade_out_s=Fraction(5))
    assert faded(piece, RATE).shape == (10, 2)
    assert np.isfinite(faded(piece, RATE)).all()


def test_limiter_leaves_quiet_sound_alone_and_holds_peaks() -> None:
    quiet = noise(5000, level=1.0)
    assert limited(quiet, RATE) is quiet
    tone = (np.sin(np.arange(RATE) / 30)[:, None] * np.ones((1, 2)) * 0.5).astype(np.float32)
    tone[20_000:21_000] *= 5
    held = limited(tone, RATE)
    assert 0.9 < peak_of(held) <= 1.0
    assert np.array_equal(held[:19_000], tone[:19_000])
    assert np.abs(np.diff(held[:, 0])).max() < np.abs(np.diff(tone[:, 0])).max()
    assert peak_of(limited(noise(5000, level=40.0), RATE)) <= 1.0


def request(
    tmp_path: Path, *characters: CharacterInput, frames: int = 100, rate: Fraction = FILM
) -> RenderRequest:
    return RenderRequest(
        request_id="r",
        project_id="p",
        project_path=tmp_path / "p.masque",
        scene_id="s",
        scene_name="Scene",
        take_id="t",
        take_number=1,
        renderer=RendererName.DRAFT,
        plate=PlateInput(path=tmp_path / "plate.png", content_hash="0" * 64, width=64, height=64),
        characters=characters,
        frame_rate=rate,
        frame_count=frames,
        width=64,
        height=64,
        seed=0,
        output_directory=tmp_path,
        file_stem="Scene take 1",
    )


def character(name: str, **clips: object) -> CharacterInput:
    key = RegionKey(frame=0, box=RegionBox(x=0.2, y=0.2, width=0.4, height=0.4))
    region = FaceRegion(shape=RegionShape.ELLIPSE, feather=0.2, keys=(key,))
    return CharacterInput(character_id=name, name=name, region=region, **clips)  # type: ignore[arg-type]


def voice(path: Path, start_frame: int, **changes: object) -> VoiceInput:
    whole = {"source_in_s": Fraction(0), "source_out_s": Fraction(1)} | changes
    return VoiceInput(path=path, content_hash="0" * 64, start_frame=start_frame, **whole)  # type: ignore[arg-type]


def driving(path: Path, **changes: object) -> DrivingInput:
    whole: dict[str, object] = {
        "source_in_s": Fraction(0),
        "source_out_s": Fraction(1),
        "start_frame": 0,
        "length_frames": 100,
        "keep_sound": True,
    } | changes
    return DrivingInput(path=path, content_hash="0" * 64, **whole)  # type: ignore[arg-type]


def test_voices_start_on_the_sample_of_their_frame(tmp_path: Path) -> None:
    write_wav(tmp_path / "click.wav", clicks([0, 24_000], RATE), RATE)
    clips = (voice(tmp_path / "click.wav", 10), voice(tmp_path / "click.wav", 61, source_in_s=Fraction(1, 2)))
    asked = request(tmp_path, character("Ann", voices=clips), character("Ben"))
    sound = request_sound(asked)
    assert len(sound.mix) == request_sample_count(asked) == round(100 * 1001 / 24_000 * 48_000)
    assert np.flatnonzero(sound.mix[:, 0]).tolist() == [20_020, 20_020 + 24_000, 122_122]
    assert list(sound.stems) == ["Ann"]
    assert np.array_equal(sound.stems["Ann"], sound.mix)
    assert sound.warnings == ()


def test_request_without_sound_is_silent(tmp_path: Path) -> None:
    sound = request_sound(request(tmp_path, character("Ann")))
    assert sound.is_silent
    assert sound.stems == {}
    assert sound.mix.shape == (200_200, 2)


def test_loud_voices_are_turned_down_and_reported(tmp_path: Path) -> None:
    write_wav(tmp_path / "loud.wav", np.full((RATE, 2), 0.9, np.float32), RATE)
    clips = (voice(tmp_path / "loud.wav", 0),)
    sound = request_sound(request(tmp_path, character("Ann", voices=clips), character("Ben", voices=clips)))
    assert peak_of(sound.mix) <= 1.0
    assert np.allclose(sound.stems["Ann"][:RATE], 0.9, atol=1e-6)
    assert sound.warnings == ("The mix was 5.1 dB above full scale; its peaks were turned down.",)


@pytest.fixture(scope="module")
def ramp_movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds whose sound tells its own time: the value is the source second, over 4."""
    seconds = (np.arange(2 * RATE) / RATE / 4).astype(np.float32)
    movie = Movie(
        count=48,
        options={"preset": "ultrafast"},
        sound=np.repeat(seconds[:, None], 2, axis=1),
        sound_codec="pcm_f32le",
    )
    return write_movie(tmp_path_factory.mktemp("ramp") / "ramp.mov", movie)


@pytest.mark.parametrize("mode", list(LoopMode))
@pytest.mark.parametrize("speed", [Fraction(1), Fraction(3, 2), Fraction(1, 2), Fraction(1001, 1000)])
def test_kept_sound_follows_the_picture(
    tmp_path: Path, ramp_movie: Path, mode: LoopMode, speed: Fraction
) -> None:
    clip = driving(
        ramp_movie,
        loop_mode=mode,
        speed=speed,
        start_frame=5,
        source_in_s=Fraction(1, 3),
        source_out_s=Fraction(4, 3),
    )
    sound = request_sound(request(tmp_path, character("Ann", driving=(clip,)), frames=120))
    heard_s = sound.mix[:, 0] * 4
    for frame in range(120):
        shown_s = source_time_s(clip, frame, FILM)
        heard_there_s = heard_s[round(frame / FILM * RATE) + 1]
        held = mode is LoopMode.HOLD and (frame - 5) / FILM * speed >= 1
        if shown_s is None or held:
            assert heard_there_s == 0, frame
        elif min(abs(shown_s - edge) for edge in (clip.source_in_s, clip.source_out_s)) > Fraction(1, 100):
            assert abs(heard_there_s - shown_s) < 2e-4, frame


def test_only_the_clip_that_drives_is_heard(tmp_path: Path, ramp_movie: Path) -> None:
    write_wav(tmp_path / "a.wav", np.full((2 * RATE, 2), 0.25, np.float32), RATE)
    write_wav(tmp_path / "b.wav", np.full((2 * RATE, 2), 0.5, np.float32), RATE)
    long = driving(tmp_path / "a.wav", source_out_s=Fraction(2), length_frames=40)
    short = driving(tmp_path / "b.wav", source_out_s=Fraction(2), start_frame=10, length_frames=10)
    sound = request_sound(request(tmp_path, character("Ann", driving=(long, short)), rate=Fraction(24)))
    levels = [round(float(sound.mix[frame * 2000 + 5, 0]), 3) for frame in (0, 9, 10, 19, 20, 39, 40)]
    assert levels == [0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.0]


def test_driving_sound_is_off_by_default_and_its_lack_is_reported(tmp_path: Path, ramp_movie: Path) -> None:
    silent = write_movie(tmp_path / "silent.mp4", Movie(count=24, options={"preset": "ultrafast"}))
    off = request_sound(request(tmp_path, character("Ann", driving=(driving(ramp_movie, keep_sound=False),))))
    assert off.is_silent
    kept = request_sound(request(tmp_path, character("Ann", driving=(driving(silent),))))
    assert kept.is_silent
    assert kept.warnings == ("silent.mp4 drives Ann without sound: it has none to keep.",)


def test_missing_voice_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file gone\.wav"):
        request_sound(request(tmp_path, character("Ann", voices=(voice(tmp_path / "gone.wav", 0),))))
