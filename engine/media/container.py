"""Opening movies and sound files with FFmpeg's libraries (PyAV), with errors in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from engine.media.file_kind import (
    MOVIE_KINDS,
    OTHER_STILL_KINDS,
    SOUND_KINDS,
    STILL_KINDS,
    kind_of_file,
)
from engine.media.read_errors import reading, require_file
from engine.protocol.errors import ErrorCode, UserError

# Play lists and descriptions of streams are left out: a file must never make Masque open anything else.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mxf,flv,asf,dv,gif,ogg,"
    "wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,amr,ape,tta,wv"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a movie or a sound file for reading.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE, FORMAT_UNSUPPORTED (not media), BAD_INPUT (empty).
    """
    container = open_container(path)
    try:
        yield container
    finally:
        container.close()


def open_container(path: Path) -> InputContainer:
    """Open a movie or a sound file; the caller closes it. Raises as `open_media`."""
    require_file(path)
    # The protocol is named so that no name is ever taken for an address.
    with reading(path):
        try:
            container = av.open(f"file:{path}", mode="r", options=dict(_OPTIONS), metadata_errors="replace")
        except OSError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            raise not_media(path) from error
    if not container.streams:
        container.close()
        raise not_media(path)
    return container


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures that can be decoded, or None; cover pictures are not one."""
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = (stream for stream in container.streams.video if not stream.disposition & covers)
    return next((stream for stream in streams if is_decodable(stream)), None)


def audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the first sound stream that can be decoded, or None."""
    return next((stream for stream in container.streams.audio if is_decodable(stream)), None)


def is_decodable(stream: AudioStream | VideoStream) -> bool:
    """Return whether there is a decoder for a stream; PyAV leaves the context out where there is none."""
    return getattr(stream, "codec_context", None) is not None


def not_media(path: Path) -> UserError:
    """Return the error for a file in which no pictures or sound can be found, saying what it really is."""
    kind = kind_of_file(path)
    if kind in MOVIE_KINDS | SOUND_KINDS:
        return damaged(path)
    if kind in STILL_KINDS | OTHER_STILL_KINDS:
        return UserError(
            f"{path.name} is {kind}, not a movie or a sound file.",
            next_step="Use it as the plate of a scene, or choose a movie or a sound file.",
            code=ErrorCode.FORMAT_UNSUPPORTED,
        )
    return UserError(
        f"{path.name} cannot be used: it is {kind}.",
        next_step="Choose a movie or a sound file, such as MP4, MOV, MKV, WAV or MP3.",
        code=ErrorCode.FORMAT_UNSUPPORTED,
    )


def damaged(path: Path) -> UserError:
    """Return the error for a movie or sound file of which nothing can be read."""
    return UserError(
        f"{path.name} is cut short or damaged.",
        next_step="Copy the file again from where it came from, or export it again.",
        code=ErrorCode.FILE_UNREADABLE,
    )
