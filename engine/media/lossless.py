"""Lossless movies (FFV1 in Matroska): short segments while rendering, joined without encoding again.

FFV1 (RFC 9043) version 3 with every frame a keyframe and a checksum for each slice. The Golomb-Rice coder is
used: a fifth larger than the range coder on drawn pictures, but read half as fast again, and segments are
read often.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engine.media.atomic import atomic_path
from engine.media.container import damaged, open_media, video_stream
from engine.media.sound_track import SoundCodec, SoundTrack
from engine.protocol.errors import BugError

Picture = npt.NDArray[np.uint8]

_ENCODER = {"level": "3", "coder": "0", "context": "0", "g": "1", "slices": "4", "slicecrc": "1"}
_BIT_EXACT = {"fflags": "bitexact"}
_ENCODER_BIT_EXACT_FLAG = 1 << 23


def write_segment(path: Path, pictures: Iterable[Picture], frame_rate: Fraction) -> int:
    """Write pictures, uint8 [height, width, 3 or 4], losslessly; return how many.

    The same pictures give the same bytes. The file appears whole or not at all.

    Raises UserError: DISK_FULL, NOT_WRITABLE, FILE_MISSING (the folder).
    """
    count = 0
    with (
        atomic_path(path) as temporary,
        av.open(f"file:{temporary}", "w", format="matroska", options=_BIT_EXACT) as container,
    ):
        stream: VideoStream | None = None
        for picture in pictures:
            stream = stream or _add_stream(container, picture, frame_rate)
            if picture.shape[:2] != (stream.height, stream.width):
                raise BugError(
                    f"picture {count} is {picture.shape}, the first was {stream.height}x{stream.width}"
                )
            frame = _frame_of(picture, stream.pix_fmt or "bgr0")
            frame.pts, frame.time_base = count, 1 / frame_rate
            container.mux(stream.encode(frame))
            count += 1
        if stream is None:
            raise BugError("a segment needs a picture")
        container.mux(stream.encode(None))
    return count


def join_segments(
    paths: Sequence[Path],
    out_path: Path,
    frame_rate: Fraction,
    sound: npt.NDArray[np.float32] | None = None,
    sample_rate: int = 48_000,
) -> int:
    """Join segments of one size and kind into one movie without encoding again; return how many frames it
    has.

    `sound` is float32 [count, 2] and becomes 24-bit PCM, cut where the pictures end.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE (a segment), DISK_FULL, NOT_WRITABLE.
    """
    with (
        atomic_path(out_path) as temporary,
        av.open(f"file:{temporary}", "w", format="matroska", options=_BIT_EXACT) as container,
    ):
        stream = _like_first(container, paths[0], frame_rate)
        track = None if sound is None else SoundTrack(container, SoundCodec.PCM_24, sound, sample_rate)
        count = 0
        for path in paths:
            with open_media(path) as segment:
                count = _copy_frames(segment, path, container, stream, count)
            if track is not None:
                track.write_until(count / frame_rate)
        if track is not None:
            track.finish(count / frame_rate)
    return count


def _add_stream(container: OutputContainer, picture: Picture, frame_rate: Fraction) -> VideoStream:
    stream = container.add_stream("ffv1", rate=frame_rate, options=dict(_ENCODER))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "bgra" if picture.shape[2] == 4 else "bgr0"
    context = stream.codec_context
    context.time_base = 1 / frame_rate
    context.flags |= _ENCODER_BIT_EXACT_FLAG
    context.color_primaries, context.color_trc, context.color_range = 1, 1, 2
    context.thread_type = "SLICE"
    return stream


def _frame_of(picture: Picture, pixel_format: str) -> VideoFrame:
    """Return the picture in the encoder's own memory order; nothing is converted, a missing alpha is 255."""
    height, width, channels = picture.shape
    frame = VideoFrame(width, height, pixel_format)
    plane = frame.planes[0]
    rows = np.frombuffer(cast(memoryview, plane), np.uint8).reshape(height, plane.line_size)[:, : width * 4]
    pixels = rows.reshape(height, width, 4)
    pixels[:, :, :channels] = picture
    if channels == 3:
        pixels[:, :, 3] = 255
    return frame


def _like_first(container: OutputContainer, path: Path, frame_rate: Fraction) -> VideoStream:
    with open_media(path) as first:
        template = video_stream(first)
        if template is None:
            raise damaged(path)
        stream = container.add_stream_from_template(template, opaque=True)
        stream.time_base = 1 / frame_rate
        stream.codec_context.framerate = frame_rate
        return stream


def _copy_frames(
    segment: InputContainer, path: Path, container: OutputContainer, stream: VideoStream, count: int
) -> int:
    """Copy a segment's frames, the first as frame `count`; return the number of the next one."""
    source = video_stream(segment)
    if source is None:
        raise damaged(path)
    wanted = (stream.codec_context.extradata, stream.width, stream.height)
    if (source.codec_context.extradata, source.width, source.height) != wanted:
        raise BugError(f"{path.name} is not of the same kind as the first segment")
    for packet in segment.demux(source):
        if packet.size == 0:
            continue
        if packet.is_corrupt:
            raise damaged(path)
        packet.pts = packet.dts = count
        packet.duration = 1
        packet.time_base = 1 / stream.codec_context.framerate
        packet.stream = stream
        container.mux(packet)
        count += 1
    return count
