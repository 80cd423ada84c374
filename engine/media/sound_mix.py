"""The sound of a render request: every character's voices and kept driving sound, and their mix."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from engine.media.audio_reader import read_audio, resample
from engine.media.container import audio_stream, open_media
from engine.media.limiter import limited, peak_of
from engine.media.sound_pieces import SoundPiece, mix
from engine.protocol.clips import DrivingInput, LoopMode, VoiceInput, driving_clip_at
from engine.protocol.render_request import CharacterInput, RenderRequest

__all__ = ["SceneSound", "SoundPiece", "clip_samples", "mix", "request_sample_count", "request_sound"]

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneSound:
    """A scene's sound, float32 [sample_count, 2] within -1 to 1: the mix, and each character's own by name.

    `warnings` are sentences for the user: peaks that were turned down, clips without the sound they should
    keep.
    """

    mix: Samples
    stems: dict[str, Samples]
    sample_rate: int
    warnings: tuple[str, ...] = ()

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard."""
        return peak_of(self.mix) == 0.0


def request_sample_count(request: RenderRequest) -> int:
    """Return how many samples the request's sound has: its frames' time, rounded to the nearest sample."""
    return round(request.frame_count / request.frame_rate * request.sample_rate)


def request_sound(request: RenderRequest) -> SceneSound:
    """Read, trim, fade and mix all sound of a request. Curves change the picture only, never the sound.

    A driving clip's kept sound follows the clip: it loops, plays backwards and ends as the picture does, is
    silent on a held frame, and where clips overlap only the one that drives is heard. At another speed it is
    simply resampled: its pitch changes with it.

    Raises UserError as `read_audio` does.
    """
    warnings: list[str] = []
    count = request_sample_count(request)
    raw: dict[str, Samples] = {}
    for character in request.characters:
        pieces = [*_voice_pieces(character, request), *_driving_pieces(character, request, warnings.append)]
        if pieces:
            raw[character.name] = mix(pieces, sample_count=count, sample_rate=request.sample_rate)
    whole = [SoundPiece(samples=samples) for samples in raw.values()]
    mixed = mix(whole, sample_count=count, sample_rate=request.sample_rate)
    named = {"The mix": mixed, **{f"The sound of {name}": samples for name, samples in raw.items()}}
    warnings += [f"{name} {_too_loud(samples)}" for name, samples in named.items() if peak_of(samples) > 1.0]
    return SceneSound(
        mix=limited(mixed, request.sample_rate),
        stems={name: limited(samples, request.sample_rate) for name, samples in raw.items()},
        sample_rate=request.sample_rate,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _too_loud(samples: Samples) -> str:
    return f"was {20 * np.log10(peak_of(samples)):.1f} dB above full scale; its peaks were turned down."


def _voice_pieces(character: CharacterInput, request: RenderRequest) -> Iterator[SoundPiece]:
    for voice in character.voices:
        yield SoundPiece(
            samples=_voice_samples(voice, request.sample_rate),
            start_sample=_sample_at(voice.start_frame, request),
            gain_db=voice.gain_db,
            fade_in_s=voice.fade_in_s,
            fade_out_s=voice.fade_out_s,
        )


def _voice_samples(voice: VoiceInput, sample_rate: int) -> Samples:
    return read_audio(
        voice.path, sample_rate=sample_rate, start_s=voice.source_in_s, end_s=voice.source_out_s
    )


def _driving_pieces(
    character: CharacterInput, request: RenderRequest, warn: Callable[[str], None]
) -> Iterator[SoundPiece]:
    for clip in character.driving:
        if not clip.keep_sound:
            continue
        if not _has_sound(clip):
            warn(f"{clip.path.name} drives {character.name} without sound: it has none to keep.")
            continue
        samples = clip_samples(clip, request)
        for first, end in _driven_stretches(character, clip, request):
            start = _sample_at(first, request)
            offset = start - _sample_at(clip.start_frame, request)
            length = _sample_at(end, request) - start
            yield SoundPiece(
                samples=samples[offset : offset + length], start_sample=start, gain_db=clip.gain_db
            )


def _has_sound(clip: DrivingInput) -> bool:
    with open_media(clip.path) as container:
        return audio_stream(container) is not None


def _driven_stretches(
    character: CharacterInput, clip: DrivingInput, request: RenderRequest
) -> Iterator[tuple[int, int]]:
    """Yield (first, end) frames of the stretches in which `clip` is the one that drives."""
    first: int | None = None
    begin, end = max(0, clip.start_frame), min(request.frame_count, clip.start_frame + clip.length_frames)
    for frame in range(begin, end + 1):
        drives = frame < end and driving_clip_at(character.driving, frame) is clip
        if drives and first is None:
            first = frame
        elif not drives and first is not None:
            yield first, frame
            first = None


def clip_samples(clip: DrivingInput, request: RenderRequest) -> Samples:
    """Return a clip's sound over its whole place on the timeline, float32 [count, 2], by its loop mode."""
    rate = request.sample_rate
    source = read_audio(clip.path, sample_rate=rate, start_s=clip.source_in_s, end_s=clip.source_out_s)
    once = _at_speed(source, clip.speed, rate)
    once = np.concatenate([once, once[-1:]])  # a pass may round up to one sample more
    count = _sample_at(clip.start_frame + clip.length_frames, request) - _sample_at(clip.start_frame, request)
    samples = np.zeros((count, 2), np.float32)
    pass_s = (clip.source_out_s - clip.source_in_s) / clip.speed
    plays_on = clip.loop_mode in {LoopMode.LOOP, LoopMode.PING_PONG}
    passes = -(-count // max(1, int(pass_s * rate))) + 1 if plays_on else 1
    for number in range(passes):
        start, end = round(number * pass_s * rate), round((number + 1) * pass_s * rate)
        is_backwards = clip.loop_mode is LoopMode.PING_PONG and number % 2 == 1
        heard = (once[::-1] if is_backwards else once)[: max(0, min(end, count) - start)]
        samples[start : start + len(heard)] = heard
    return samples


def _at_speed(samples: Samples, speed: Fraction, sample_rate: int) -> Samples:
    """Return samples played at another speed, their pitch changed with it, cut to the exact length."""
    if speed == 1:
        return samples
    scale = max(1, round(sample_rate / max(speed.numerator, speed.denominator)))
    faster = resample(samples, speed.numerator * scale, speed.denominator * scale)
    return faster[: round(len(samples) / speed)]


def _sample_at(frame: int, request: RenderRequest) -> int:
    return round(frame / request.frame_rate * request.sample_rate)
