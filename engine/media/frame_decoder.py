"""Decoding of one frame of a movie by its time stamp, straight on or after a seek."""

from collections.abc import Iterator
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engine.media.container import damaged, open_container, video_stream
from engine.media.frame_index import FrameIndex, whole_packets

_CHEAPER_THAN_SEEKING = 8


def decoded_frames(
    container: InputContainer, stream: VideoStream, from_place: int = 0, order: dict[int, int] | None = None
) -> Iterator[VideoFrame]:
    """Decode from the container's position on; packets before `from_place` in the file's `order` are left
    out.

    What cannot be decoded is left out too.
    """
    for packet in whole_packets(container, stream):
        if packet is None:
            continue
        if order and packet.pts is not None and order.get(packet.pts, from_place) < from_place:
            continue
        try:
            yield from (frame for frame in packet.decode() if frame.pts is not None)
        except av.error.FFmpegError:
            continue
    try:
        yield from (frame for frame in stream.decode(None) if frame.pts is not None)
    except av.error.FFmpegError:
        return


class FrameDecoder:
    """Gives a movie's frames by time stamp. Decoding always begins at the last keyframe at or before the
    frame.

    It has the file open for itself until `close`. A strict one is slower and knows of every frame
    in which the decoder covered up a fault: frames decoded side by side learn that too late.
    """

    def __init__(self, path: Path, index: FrameIndex, *, is_strict: bool = False) -> None:
        self._path = path
        self._index = index
        self._is_strict = is_strict
        self._container, self._stream = _open_pictures(path, is_strict)
        self._frames: Iterator[VideoFrame] = decoded_frames(self._container, self._stream)
        self._current: VideoFrame | None = None
        self._ahead: VideoFrame | None = None

    def first(self) -> VideoFrame | None:
        """Return the first frame that can be decoded whole, None where there is none."""
        self._rewind()
        self._ahead = next((frame for frame in self._frames if not frame.is_corrupt), None)
        return self._ahead

    def whole_since(self, key: int) -> set[int]:
        """Decode from a keyframe to the end and return the time stamps of the frames without faults."""
        self._go_to_key(key)
        return {frame.pts for frame in self._frames if frame.pts is not None and not frame.is_corrupt}

    def frame(self, pts: int) -> VideoFrame | None:
        """Return the frame at `pts`; where it cannot be decoded the one before it, None without one."""
        key = self._index.key_number(pts)
        if self._is_reached_by_decoding_on(pts, key):
            self._advance(pts)
            return self._current
        for earlier in range(key, -1, -1):
            self._go_to_key(earlier)
            self._advance(pts)
            if self._current is not None:
                return self._current
        return None

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        self._forget()
        self._container.close()

    def _forget(self) -> None:
        self._frames, self._current, self._ahead = iter(()), None, None

    def _is_reached_by_decoding_on(self, pts: int, key: int) -> bool:
        if self._current is None or self._current.pts is None or self._current.pts > pts:
            return False
        place = self._index.number_at(pts)
        to_decode_on = place - self._index.number_at(self._current.pts)
        to_decode_from_key = place - self._index.number_at(self._index.keys[key])
        return to_decode_on <= to_decode_from_key + _CHEAPER_THAN_SEEKING

    def _advance(self, pts: int) -> None:
        """Decode on until the next frame is later than `pts`; the last one before that is current."""
        while self._current is None or self._current.pts != pts:
            frame = self._ahead or next(self._frames, None)
            self._ahead = None
            if frame is None:
                return
            if frame.pts is not None and frame.pts > pts:
                self._ahead = frame
                return
            self._current = frame

    def _go_to_key(self, key: int) -> None:
        """Seek to a keyframe; where that lands behind it, by its decoding time, else begin at the start."""
        self._forget()
        keys, times = self._index.keys, self._index.key_decode_times
        place = self._index.order[keys[key]]
        targets = (keys[key], times[key], keys[max(0, key - 1)])
        if place > 0 and any(self._lands_before(place, target) for target in targets if target is not None):
            self._frames = decoded_frames(self._container, self._stream, place, self._index.order)
        else:
            self._rewind()

    def _rewind(self) -> None:
        """Open the file again: not every container can be sought back to its very first packet."""
        self._forget()
        self._container.close()
        self._container, self._stream = _open_pictures(self._path, self._is_strict)
        self._frames = decoded_frames(self._container, self._stream)

    def _lands_before(self, place: int, target: int) -> bool:
        """Seek to `target`, look whether the first packet there comes early enough, and seek there again."""
        packets = whole_packets(self._container, self._stream)
        try:
            self._container.seek(target, stream=self._stream, backward=True)
            first = next((packet for packet in packets if packet and packet.pts is not None), None)
            self._container.seek(target, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            return False
        if first is None or first.pts is None:
            return False
        return self._index.order.get(first.pts, place + 1) <= place


def _open_pictures(path: Path, is_strict: bool) -> tuple[InputContainer, VideoStream]:
    container = open_container(path)
    stream = video_stream(container)
    if stream is None:
        container.close()
        raise damaged(path)
    stream.thread_type = "SLICE" if is_strict else "AUTO"
    return container, stream
