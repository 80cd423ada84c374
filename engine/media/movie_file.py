"""A movie file while it is written: pictures encoded, sound muxed in step, tags set."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from engine.media.movie_settings import MovieFormat, MovieSettings
from engine.media.sound_track import SoundCodec, SoundTrack
from engine.protocol.errors import BugError

Picture = npt.NDArray[np.uint8]

_BT709 = 1
_LIMITED_RANGE = 1
_CONVERSION = int(Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP)
# The clock of edit lists: FFmpeg's usual milliseconds would move AAC's beginning by up to 24 samples.
_CONTAINER_OPTIONS = {"movie_timescale": "48000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    codec: str
    pixel_format: str
    options: dict[str, str]
    sound: SoundCodec
    has_alpha: bool = False


_RECIPES = {
    MovieFormat.H264: _Recipe(
        codec="libx264",
        pixel_format="yuv420p",
        options={"crf": "16", "preset": "fast", "profile": "high"},
        sound=SoundCodec.AAC,
    ),
    MovieFormat.PRORES_422_HQ: _Recipe(
        codec="prores_ks",
        pixel_format="yuv422p10le",
        options={"profile": "hq", "vendor": "apl0"},
        sound=SoundCodec.PCM_24,
    ),
    MovieFormat.PRORES_4444: _Recipe(
        codec="prores_ks",
        pixel_format="yuva444p10le",
        options={"profile": "4444", "alpha_bits": "16", "vendor": "apl0"},
        sound=SoundCodec.PCM_24,
        has_alpha=True,
    ),
}


class MovieFile:
    """Writes one movie to `path` (made at once); the final name's suffix says mp4 or mov."""

    def __init__(self, path: Path, suffix: str, settings: MovieSettings) -> None:
        self._settings = settings
        self._recipe = _RECIPES[settings.format]
        self._count = 0
        self._reformatter = VideoReformatter()
        container_format = "mp4" if suffix in {".mp4", ".m4v"} else "mov"
        options = _CONTAINER_OPTIONS | ({"movflags": "+faststart"} if container_format == "mp4" else {})
        self._container: OutputContainer = av.open(
            f"file:{path}", "w", format=container_format, options=options
        )
        try:
            if settings.timecode is not None:
                self._container.metadata["timecode"] = settings.timecode
            self._stream = self._add_pictures()
            self._track = None
            if settings.sound is not None:
                self._track = SoundTrack(
                    self._container, self._recipe.sound, settings.sound, settings.sample_rate
                )
        except BaseException:
            self.close()
            raise

    def write(self, picture: Picture) -> None:
        """Write the next picture: uint8 [height, width, 3 or 4]."""
        settings = self._settings
        if picture.shape[:2] != (settings.height, settings.width) or picture.dtype != np.uint8:
            raise BugError(
                f"a picture of {picture.shape} {picture.dtype} for {settings.width}x{settings.height}"
            )
        frame = self._converted(picture)
        frame.pts, frame.time_base, frame.duration = self._count, 1 / settings.frame_rate, 1
        self._container.mux(self._stream.encode(frame))
        self._count += 1
        if self._track is not None:
            self._track.write_until(self._count / settings.frame_rate)

    def finish(self) -> None:
        """Write what is still held back, the rest of the sound and the index."""
        if self._count == 0:
            raise BugError("a movie needs a picture")
        self._container.mux(self._stream.encode(None))
        if self._track is not None:
            self._track.finish(self._count / self._settings.frame_rate)
        self._container.close()

    def close(self) -> None:
        """Let go of the file, finished or not; a half one is the caller's to remove."""
        try:
            self._container.close()
        except av.error.FFmpegError:
            # The end of a file that is thrown away could not be written; the first error has told why.
            return

    def _add_pictures(self) -> VideoStream:
        settings, recipe = self._settings, self._recipe
        options = dict(recipe.options)
        if settings.format is MovieFormat.H264:
            options["g"] = str(round(settings.frame_rate))
        stream = cast(
            VideoStream, self._container.add_stream(recipe.codec, rate=settings.frame_rate, options=options)
        )
        stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, recipe.pixel_format
        context = stream.codec_context
        context.time_base = 1 / settings.frame_rate
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        return stream

    def _converted(self, picture: Picture) -> VideoFrame:
        """Convert once, from 8-bit RGB to the encoder's own form with the BT.709 matrix."""
        if picture.shape[2] == 4 and not self._recipe.has_alpha:
            picture = over_black(picture)
        source = VideoFrame.from_ndarray(
            np.ascontiguousarray(picture), format="bgra" if picture.shape[2] == 4 else "bgr24"
        )
        frame = self._reformatter.reformat(
            source,
            format=self._recipe.pixel_format,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=_CONVERSION,
        )
        frame.colorspace = frame.color_primaries = frame.color_trc = _BT709
        return frame


def over_black(picture: Picture) -> Picture:
    """Return a picture with straight alpha, uint8 [height, width, 4], laid over black: [height, width, 3]."""
    alpha = picture[:, :, 3:].astype(np.uint16)
    laid: Picture = ((picture[:, :, :3] * alpha + 127) // 255).astype(np.uint8)
    return laid
