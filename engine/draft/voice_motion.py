"""A character's voice clips as jaw and lip movement over the scene."""

from fractions import Fraction

from engine.draft.speech_envelope import SAMPLE_RATE, SpeechEnvelope, speech_envelope
from engine.media.audio_reader import read_audio
from engine.protocol.clips import VoiceInput

LEAD_S = 0.03


class VoiceMotion:
    """What the voices of one character do to its mouth."""

    def __init__(self, voices: tuple[VoiceInput, ...], frame_rate: Fraction) -> None:
        """Read the sounds. Raises UserError when one cannot be read."""
        self._rate = frame_rate
        self._voices = [(voice, _envelope(voice)) for voice in voices]

    def at(self, frame: int) -> tuple[float, float]:
        """Return the jaw's opening and the lips' spread at a project frame; the most open voice wins."""
        best = (0.0, 0.0)
        for voice, envelope in self._voices:
            time_s = float((frame - voice.start_frame) / self._rate)
            if time_s < 0.0:
                continue
            opening, spread = envelope.at(time_s + LEAD_S)
            opening *= _fade(voice, time_s)
            if opening > best[0]:
                best = (opening, spread)
        return best

    def covers(self, frame: int) -> float:
        """Return how far a voice clip covers the frame: 1 inside, falling to 0 within a fifth of a second
        outside.
        """
        margin_s = 0.2
        nearest = 0.0
        for voice, _ in self._voices:
            time_s = float((frame - voice.start_frame) / self._rate)
            outside_s = max(-time_s, time_s - float(voice.source_out_s - voice.source_in_s), 0.0)
            nearest = max(nearest, 1.0 - outside_s / margin_s)
        return nearest


def _envelope(voice: VoiceInput) -> SpeechEnvelope:
    samples = read_audio(
        voice.path, sample_rate=SAMPLE_RATE, start_s=voice.source_in_s, end_s=voice.source_out_s
    )
    return speech_envelope(samples)


def _fade(voice: VoiceInput, time_s: float) -> float:
    left_s = float(voice.source_out_s - voice.source_in_s) - time_s
    inward = min(1.0, time_s / float(voice.fade_in_s)) if voice.fade_in_s > 0 else 1.0
    outward = min(1.0, left_s / float(voice.fade_out_s)) if voice.fade_out_s > 0 else 1.0
    return max(0.0, min(inward, outward))
