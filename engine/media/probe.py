"""What is in a media file, for importing it."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from engine.media.container import audio_stream, not_media, open_media, video_stream
from engine.media.file_kind import OTHER_STILL_KINDS, STILL_KINDS, kind_of_file
from engine.media.read_errors import require_file
from engine.media.sound_source import sound_layout
from engine.media.still import read_still
from engine.media.video_reader import VideoReader
from engine.media.wav_header import require_whole_wav


class MediaKind(StrEnum):
    """What a media file is."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaProbe:
    """What was found; None where the file has no such thing. Pixels are upright and square.

    `frame_rate` is exact where it is constant, else the average; sound is described by the first stream.
    """

    kind: MediaKind
    width: int | None = None
    height: int | None = None
    duration_s: Fraction | None = None
    frame_rate: Fraction | None = None
    frame_count: int | None = None
    has_alpha: bool = False
    video_codec: str | None = None
    audio_codec: str | None = None
    audio_channels: int | None = None
    audio_sample_rate: int | None = None


def probe_media(path: Path) -> MediaProbe:
    """Find out what a file is by opening it and reading a picture or a sound of it, whatever its name says.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE, FORMAT_UNSUPPORTED, BAD_INPUT (empty, too small, too
    large).
    """
    require_file(path)
    if kind_of_file(path) in STILL_KINDS | OTHER_STILL_KINDS:
        return _probe_still(path)
    sound = _probe_sound(path)
    with open_media(path) as container:
        has_pictures = video_stream(container) is not None
    if has_pictures:
        return _probe_movie(path, sound)
    if sound is None:
        raise not_media(path)
    require_whole_wav(path)
    sound_layout(path)
    return sound


def _probe_still(path: Path) -> MediaProbe:
    still = read_still(path)
    return MediaProbe(
        kind=MediaKind.IMAGE, width=still.width, height=still.height, has_alpha=still.alpha is not None
    )


def _probe_movie(path: Path, sound: MediaProbe | None) -> MediaProbe:
    with VideoReader(path) as reader:
        return MediaProbe(
            kind=MediaKind.VIDEO,
            width=reader.width,
            height=reader.height,
            duration_s=reader.duration_s,
            frame_rate=reader.frame_rate,
            frame_count=reader.frame_count,
            has_alpha=reader.has_alpha,
            video_codec=reader.codec_name,
            audio_codec=sound.audio_codec if sound else None,
            audio_channels=sound.audio_channels if sound else None,
            audio_sample_rate=sound.audio_sample_rate if sound else None,
        )


def _probe_sound(path: Path) -> MediaProbe | None:
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            return None
        if stream.duration is not None and stream.time_base is not None:
            duration_s = stream.duration * stream.time_base
        else:
            duration_s = Fraction(container.duration or 0, 1_000_000)
        return MediaProbe(
            kind=MediaKind.AUDIO,
            duration_s=duration_s,
            audio_codec=stream.codec_context.name,
            audio_channels=stream.codec_context.channels,
            audio_sample_rate=stream.codec_context.sample_rate,
        )
