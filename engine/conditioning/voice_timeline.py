"""What a character says over the shot, as one recording for the speech encoder.

Shapes: n samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.speech import voice_samples_for
from engine.media.sound_mix import request_sound
from engine.networks.encoders import SPEECH_SAMPLE_RATE
from engine.planning.model_time import ModelTime
from engine.protocol.render_request import CharacterInput, RenderRequest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoiceTrack:
    """`samples`: mono float32 [n] within -1 to 1 from project frame 0 to the end of the last model frame;
    `report`: sentences for the take. A speaker is present throughout: silence says that the mouth is closed.
    """

    samples: NDArray[np.float32]
    report: tuple[str, ...]


def voice_track(
    request: RenderRequest, character: CharacterInput, time: ModelTime, sample_rate: int = SPEECH_SAMPLE_RATE
) -> VoiceTrack | None:
    """Return a character's voice clips, without kept driving sound, mixed as they are heard in the take.

    `voice_samples_for` the model's frames: what is longer is cut, what is shorter is
    followed by silence, since an encoder would stretch it over the shot. None without a voice clip.

    Raises UserError as `read_audio` does.
    """
    if not character.voices:
        return None
    speaker = replace(character, driving=())
    frame_count = ceil(time.model_duration_s * time.project_rate)
    spoken = replace(request, characters=(speaker,), sample_rate=sample_rate, frame_count=frame_count)
    samples = request_sound(spoken).stems[character.name].mean(axis=1)
    count = voice_samples_for(time.model_frame_count, time.model_rate, sample_rate)
    samples = np.pad(samples[:count], (0, max(0, count - len(samples))))
    return VoiceTrack(samples=samples.astype(np.float32), report=tuple(_report(character, time)))


def _report(character: CharacterInput, time: ModelTime) -> Iterator[str]:
    """Yield what is cut or silent, where it is half a frame or more."""
    begins_s, ends_s = _span_s(character, time)
    whose = f"The voice of “{character.name}”"
    shot_s, half_frame_s = time.project_frame_count / time.project_rate, 1 / time.project_rate / 2
    if ends_s <= 0 or begins_s >= shot_s:
        yield f"No voice clip of “{character.name}” plays in this shot; there is silence throughout."
        return
    if begins_s <= -half_frame_s:
        yield f"{whose} begins {_seconds(-begins_s)} before the shot; that part is cut off."
    if ends_s - shot_s >= half_frame_s:
        yield f"{whose} goes on {_seconds(ends_s - shot_s)} after the shot; that part is cut off."
    if shot_s - ends_s >= half_frame_s:
        yield f"{whose} ends {_seconds(shot_s - ends_s)} before the shot does; silence follows it."


def _span_s(character: CharacterInput, time: ModelTime) -> tuple[Fraction, Fraction]:
    """Return when the first voice clip begins and the last one ends, in seconds of the scene."""
    begins = [voice.start_frame / time.project_rate for voice in character.voices]
    ends = [
        begin + voice.source_out_s - voice.source_in_s
        for begin, voice in zip(begins, character.voices, strict=True)
    ]
    return min(begins), max(ends)


def _seconds(duration_s: Fraction) -> str:
    return f"{float(duration_s):.2f} s"
