"""Where every frame of a movie is: its time and the keyframe from which it can be decoded."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameIndex:
    """Times in units of `time_base`: `shown` of the frames that are shown, `keys` of keyframes, sorted.

    `order` tells a frame's place in the file (decoding order), `key_decode_times` each keyframe's decoding
    time or None, `last_duration` how long the last frame is shown, `untimed_count` how many packets
    have no time. `is_whole` is False where the file ends too early.
    """

    time_base: Fraction
    shown: tuple[int, ...]
    keys: tuple[int, ...]
    key_decode_times: tuple[int | None, ...]
    order: dict[int, int]
    last_duration: int
    is_whole: bool
    untimed_count: int

    def key_number(self, pts: int) -> int:
        """Return which keyframe to decode from: the last one at or before `pts`."""
        return max(0, bisect_right(self.keys, pts) - 1)

    def number_at(self, pts: int) -> int:
        """Return the number of the frame that is shown at `pts`: the last one that starts at or before it."""
        return max(0, bisect_right(self.shown, pts) - 1)


def build_frame_index(container: InputContainer, stream: VideoStream) -> FrameIndex:
    """Read all packets of a movie's pictures, without decoding, and return the index (empty where none has a
    time).

    What is cut short is left out; so is what an edit list hides, although it may be needed for decoding.
    """
    shown: set[int] = set()
    keys: dict[int, int | None] = {}
    order: dict[int, int] = {}
    is_whole, untimed_count, last_duration, last_pts = True, 0, 0, None
    for packet in whole_packets(container, stream):
        if packet is None:
            is_whole = False
        elif packet.pts is None:
            untimed_count += 1
        else:
            order[packet.pts] = len(order)
            if packet.is_keyframe:
                keys.setdefault(packet.pts, packet.dts)
            if not packet.is_discard:
                shown.add(packet.pts)
                if last_pts is None or packet.pts >= last_pts:
                    last_pts, last_duration = packet.pts, packet.duration or 0
    times, key_times = tuple(sorted(shown)), tuple(sorted(keys))
    return FrameIndex(
        time_base=stream.time_base or Fraction(1, 1000),
        shown=times,
        keys=key_times,
        key_decode_times=tuple(keys[pts] for pts in key_times),
        order=order,
        last_duration=last_duration or _usual_step(times),
        is_whole=is_whole,
        untimed_count=untimed_count,
    )


def whole_packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream] | None"]:
    """Yield a stream's packets; None in place of each one that is cut short and of what cannot be read any
    more.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            yield None
            return
        if packet is None:
            return
        if packet.size:
            yield None if packet.is_corrupt else packet


def _usual_step(times: tuple[int, ...]) -> int:
    if len(times) < 2:
        return 1
    steps = sorted(after - before for before, after in pairwise(times))
    return steps[len(steps) // 2]
