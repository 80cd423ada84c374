"""Movies, read exact to the frame: any frame, in any order, gives the picture that playing through would
show.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from engine.media.container import audio_stream, damaged, not_media, open_media, video_stream
from engine.media.frame_decoder import FrameDecoder
from engine.media.frame_index import FrameIndex, build_frame_index
from engine.media.frame_times import constant_rate, frame_times, rounding_slack
from engine.media.upright import PictureConverter
from engine.protocol.errors import ErrorCode, UserError

Picture = npt.NDArray[np.uint8]

_PICTURES_KEPT = 8
_FORMATS_THAT_KNOW_THEIR_END = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})


class VideoReader:
    """Frames of a movie by time or number, upright, uint8 [height, width, 3] blue green red, read-only
    arrays.

    The first frame that can be decoded is time 0; times are rational seconds. Frames damaged in the middle of
    a file show the picture before them. Not for use by two threads at once.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE (cut short, damaged), FORMAT_UNSUPPORTED (no moving
    pictures).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_media(path) as container:
            stream = self._moving_pictures(container)
            self._codec_name = stream.codec.canonical_name
            self._pixel_aspect = stream.sample_aspect_ratio
            self._vouches_for_end = container.format.name in _FORMATS_THAT_KNOW_THEIR_END
            self._index = build_frame_index(container, stream)
            self._require_times()
            self._index = self._decodable(self._index)
            self._rate = constant_rate(self._index, stream)
        self._decoder = FrameDecoder(path, self._index)
        self._kept: OrderedDict[tuple[int, bool], Picture] = OrderedDict()
        self._times_s: tuple[Fraction, ...] | None = None

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        self._decoder.close()
        self._kept.clear()

    @property
    def width(self) -> int:
        """Upright width in square pixels."""
        return self._converter.size[0]

    @property
    def height(self) -> int:
        """Upright height in square pixels."""
        return self._converter.size[1]

    @property
    def has_alpha(self) -> bool:
        """Whether the pictures carry transparency."""
        return self._has_alpha

    @property
    def frame_count(self) -> int:
        """How many frames can be shown."""
        return len(self._index.shown)

    @property
    def frame_rate(self) -> Fraction:
        """The exact rate where it is constant, else the average in frames per second."""
        if self._rate is not None:
            return self._rate
        return (self.frame_count / self.duration_s).limit_denominator(1001)

    @property
    def times_s(self) -> tuple[Fraction, ...]:
        """When each frame is first shown, in seconds; the first is 0."""
        if self._times_s is None:
            self._times_s = frame_times(self._index, self._rate)
        return self._times_s

    @property
    def duration_s(self) -> Fraction:
        """From the start of the first frame to the end of the last, in seconds."""
        if self._rate is not None:
            return self.frame_count / self._rate
        shown = self._index.shown
        return (shown[-1] - shown[0] + self._index.last_duration) * self._index.time_base

    @property
    def codec_name(self) -> str:
        """The codec's short name, such as h264."""
        return self._codec_name

    def number_at(self, time_s: Fraction) -> int:
        """Return the number of the frame shown at a time; before the first the first, after the last the
        last.
        """
        if self._rate is not None:
            return min(max(0, floor(time_s * self._rate)), self.frame_count - 1)
        ticks = floor(time_s / self._index.time_base + rounding_slack(self._index.time_base))
        return self._index.number_at(self._index.shown[0] + ticks)

    def frame_at(self, time_s: Fraction) -> Picture:
        """Return the picture shown at a time.

        Raises UserError (FILE_UNREADABLE) where none can be decoded.
        """
        return self.frame_number(self.number_at(time_s))

    def frame_number(self, number: int) -> Picture:
        """Return a frame's picture, counted from 0.

        Raises IndexError outside the movie; UserError as `frame_at`.
        """
        return self._picture(number, with_alpha=False)

    def frames(self, times_s: Iterable[Fraction]) -> Iterator[Picture]:
        """Yield the picture shown at each time: the movie resampled by time.

        Rising times are read straight on.
        """
        for time_s in times_s:
            yield self.frame_at(time_s)

    def bgra_frame_number(self, number: int) -> Picture:
        """Return a frame with straight alpha as uint8 [height, width, 4]; 255 where the movie has none."""
        return self._picture(number, with_alpha=True)

    def bgra_frames(self) -> Iterator[Picture]:
        """Yield every frame with straight alpha as uint8 [height, width, 4]."""
        for number in range(self.frame_count):
            yield self.bgra_frame_number(number)

    def _moving_pictures(self, container: InputContainer) -> VideoStream:
        stream = video_stream(container)
        if stream is not None:
            return stream
        if audio_stream(container) is None:
            raise not_media(self._path)
        raise UserError(
            f"{self._path.name} has only sound, no moving pictures.",
            next_step="Use it as a voice clip, or choose a movie with pictures.",
            code=ErrorCode.FORMAT_UNSUPPORTED,
        )

    def _require_times(self) -> None:
        if self._index.shown and self._index.keys:
            return
        if not self._index.untimed_count:
            raise damaged(self._path)
        raise UserError(
            f"{self._path.name} holds no pictures with times.",
            next_step="Put its pictures into an MP4 or MOV file with an editing tool and use that.",
            code=ErrorCode.FORMAT_UNSUPPORTED,
        )

    def _decodable(self, index: FrameIndex) -> FrameIndex:
        """Take from the index what cannot be decoded at both ends, and learn size and turn.

        A movie cut out of a longer one may begin with frames that need earlier ones. A file cut short may
        end in the middle of a frame: where it does not vouch for its end, that is decoded and looked at.
        """
        with closing(FrameDecoder(self._path, index)) as decoder:
            first = decoder.first()
            if first is None or first.pts is None:
                raise damaged(self._path)
            self._converter = PictureConverter(first, self._pixel_aspect)
            self._has_alpha = any(component.is_alpha for component in first.format.components)
        shown = index.shown
        if not (index.is_whole and self._vouches_for_end):
            last_key = index.key_number(shown[-1])
            with closing(FrameDecoder(self._path, index, is_strict=True)) as decoder:
                whole = decoder.whole_since(max(0, last_key - 1))
            place = index.order[index.keys[last_key]]
            shown = tuple(pts for pts in shown if index.order[pts] < place or pts in whole)
        return replace(index, shown=tuple(pts for pts in shown if pts >= first.pts) or (first.pts,))

    def _picture(self, number: int, *, with_alpha: bool) -> Picture:
        if not 0 <= number < self.frame_count:
            raise IndexError(f"frame {number} of {self.frame_count}")
        wanted = (number, with_alpha)
        if wanted in self._kept:
            self._kept.move_to_end(wanted)
            return self._kept[wanted]
        frame = self._decoder.frame(self._index.shown[number])
        if frame is None:
            raise damaged(self._path)
        picture = self._converter.convert(frame, with_alpha=with_alpha)
        picture.flags.writeable = False
        self._kept[wanted] = picture
        if len(self._kept) > _PICTURES_KEPT:
            self._kept.popitem(last=False)
        return picture
