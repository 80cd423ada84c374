"""A character's voice over the shot."""

import wave
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from engine.conditioning.voice_timeline import voice_track
from engine.planning.model_time import model_time
from engine.protocol.clips import DrivingInput, VoiceInput
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput

REGION = FaceRegion(
    shape=RegionShape.BOX,
    feather=0.0,
    keys=(RegionKey(frame=0, box=RegionBox(x=0.0, y=0.0, width=1.0, height=1.0)),),
)
TIME = model_time(Fraction(24), 48, Fraction(23))


def write_sound(path, samples, rate=44_100):
    """Write float [n, channels] as 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def tone(seconds, hertz=440.0, rate=44_100):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)[:, None]


@pytest.fixture
def line(tmp_path):
    """A tone of three seconds, mono, 44.1 kHz."""
    return write_sound(tmp_path / "line.wav", tone(3.0))


def spoken(path, seconds=Fraction(1), start_frame=0, **changes):
    return VoiceInput(
        path=path, content_hash="", source_in_s=Fraction(0), source_out_s=seconds, start_frame=start_frame,
        **changes,
    )  # fmt: skip


def speaker(*voices, driving=()):
    return CharacterInput(character_id="a", name="Anna", region=REGION, voices=voices, driving=driving)


@pytest.fixture
def track(make_request):
    """Return a function that makes the voice track of a character."""

    def make(character, time=TIME, **options):
        request = make_request(
            characters=(character,), frame_rate=time.project_rate, frame_count=time.project_frame_count
        )
        return voice_track(request, character, time, **options)

    return make


def loudness(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("rate", [Fraction(23), Fraction(25), Fraction(24000, 1001)])
def test_the_recording_is_exactly_as_long_as_the_model_s_frames(track, line, rate):
    time = model_time(Fraction(24), 48, rate)

    made = track(speaker(spoken(line)), time)

    assert made.samples.shape == (int(time.model_frame_count / rate * 16_000),)
    assert made.samples.dtype == np.float32


def test_a_clip_sounds_where_it_lies_and_silence_is_around_it(track, line):
    made = track(speaker(spoken(line, Fraction(1, 2), start_frame=12)))

    assert not made.samples[:7_990].any()
    assert loudness(made.samples[8_100:15_900]) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert not made.samples[16_010:].any()
    assert made.report == ("The voice of “Anna” ends 1.00 s before the shot does; silence follows it.",)


def test_the_tone_keeps_its_pitch_through_resampling(track, line):
    made = track(speaker(spoken(line, Fraction(2))))

    spectrum = np.abs(np.fft.rfft(made.samples[:16_000] * np.hanning(16_000)))
    assert int(spectrum.argmax()) == 440
    assert made.report == ()


def test_gain_and_fades_are_those_of_the_mix(track, line):
    plain = track(speaker(spoken(line, Fraction(2))))
    quiet = track(speaker(spoken(line, Fraction(2), gain_db=-6.0206)))
    faded = track(speaker(spoken(line, Fraction(2), fade_in_s=Fraction(1))))

    np.testing.assert_allclose(quiet.samples, plain.samples / 2, atol=2e-4)
    assert loudness(faded.samples[:1_600]) < 0.1 * loudness(plain.samples[:1_600])
    np.testing.assert_allclose(faded.samples[16_000:31_000], plain.samples[16_000:31_000], atol=1e-4)


def test_both_sides_of_a_stereo_recording_are_heard(track, tmp_path):
    sides = np.concatenate([tone(2.0), np.zeros((88_200, 1))], axis=1)
    stereo = write_sound(tmp_path / "stereo.wav", sides)

    made = track(speaker(spoken(stereo, Fraction(2))))

    assert loudness(made.samples[100:31_900]) == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


def test_what_goes_beyond_the_shot_is_cut_and_told(track, line):
    made = track(speaker(spoken(line, Fraction(3), start_frame=-6)))

    assert loudness(made.samples[-800:]) > 0.3
    assert made.report == (
        "The voice of “Anna” begins 0.25 s before the shot; that part is cut off.",
        "The voice of “Anna” goes on 0.75 s after the shot; that part is cut off.",
    )


def test_a_clip_outside_the_shot_leaves_silence_that_is_told(track, line):
    made = track(speaker(spoken(line, start_frame=200)))

    assert not made.samples.any()
    assert "No voice clip of “Anna”" in made.report[0]


def test_two_clips_are_mixed_and_stay_within_full_scale(track, line):
    made = track(speaker(*[spoken(line, Fraction(2), gain_db=6.0)] * 2))

    assert np.abs(made.samples).max() <= 1.0
    assert loudness(made.samples) > 0.3


def test_kept_driving_sound_and_other_voices_are_not_heard(make_request, line, tmp_path):
    driving = DrivingInput(
        path=tmp_path / "missing.mp4", content_hash="", source_in_s=Fraction(0), source_out_s=Fraction(2),
        start_frame=0, length_frames=48, keep_sound=True,
    )  # fmt: skip
    anna = speaker(spoken(line, Fraction(1)), driving=(driving,))
    ben = replace(speaker(spoken(line, Fraction(1), start_frame=24)), character_id="b", name="Ben")
    request = make_request(characters=(anna, ben), frame_count=48)

    made = voice_track(request, anna, TIME)

    assert loudness(made.samples[:16_000]) > 0.3
    assert not made.samples[16_010:].any()


def test_without_a_voice_clip_there_is_no_track(track):
    assert track(speaker()) is None


def test_another_sample_rate_can_be_asked_for(track, line):
    assert len(track(speaker(spoken(line)), sample_rate=8_000).samples) == int(49 / Fraction(23) * 8_000)


def test_a_missing_recording_is_told_by_name(track, tmp_path):
    with pytest.raises(UserError, match=r"gone\.wav") as refusal:
        track(speaker(spoken(tmp_path / "gone.wav")))

    assert refusal.value.report.code is ErrorCode.FILE_MISSING
