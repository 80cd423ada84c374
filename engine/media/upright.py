"""From a decoded frame to an upright picture with square pixels, converted once."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

Picture = npt.NDArray[np.uint8]

# Without both flags swscale takes shortcuts that darken every picture by a level of 8 bits on average.
_CONVERSION = int(Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)
_MATRIX_UNSPECIFIED = 2
_HIGH_DEFINITION_FROM = (1280, 577)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How stored rows and columns become upright ones: first swapped, then each mirrored, as a display matrix
    asks.
    """

    swap: bool = False
    mirror_columns: bool = False
    mirror_rows: bool = False

    def apply(self, stored: Picture) -> Picture:
        """Return the upright picture, contiguous in memory."""
        turned = stored.swapaxes(0, 1) if self.swap else stored
        if self.mirror_columns:
            turned = turned[:, ::-1]
        if self.mirror_rows:
            turned = turned[::-1]
        return np.ascontiguousarray(turned)


def turn_of(frame: VideoFrame) -> Turn:
    """Return the turn that a frame's display matrix asks for, to the nearest quarter (ISO/IEC 14496-12,
    6.2.2).
    """
    matrix = cast(SideDataContainer, frame.side_data).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return Turn()
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    if abs(b) > abs(a):
        return Turn(swap=True, mirror_columns=c < 0, mirror_rows=b < 0)
    return Turn(mirror_columns=a < 0, mirror_rows=d < 0)


class PictureConverter:
    """Converts the frames of one movie to upright uint8 pictures; sizes and turn are those of its first
    frame.

    Pixels that are not square (`pixel_aspect`, width by height) are made so by scaling the width.

    The matrix and range that the file names are used; where it names no matrix, BT.709 from 1280 pixels
    across or 577 lines on, else BT.601, as players do.
    """

    def __init__(self, first: VideoFrame, pixel_aspect: Fraction | None) -> None:
        self._turn = turn_of(first)
        is_sensible = pixel_aspect is not None and Fraction(1, 4) <= pixel_aspect <= 4
        self._stored_width = (
            round(first.width * pixel_aspect) if pixel_aspect and is_sensible else first.width
        )
        self._stored_height = first.height
        self._reformatter = VideoReformatter()

    @property
    def size(self) -> tuple[int, int]:
        """Upright width and height."""
        size = (self._stored_width, self._stored_height)
        return size[::-1] if self._turn.swap else size

    def convert(self, frame: VideoFrame, *, with_alpha: bool) -> Picture:
        """Return [height, width, 3] blue green red, or with a fourth channel of straight alpha."""
        if not with_alpha:
            return self._turn.apply(self._in_format(frame, "bgr24").astype(np.uint8, copy=False))
        if all(component.bits <= 8 for component in frame.format.components):
            return self._turn.apply(self._in_format(frame, "bgra").astype(np.uint8, copy=False))
        # swscale dithers deep alpha on its way to 8 bits; rounding keeps what was 8 bits exact.
        deep = self._in_format(frame, "rgba64le")[:, :, [2, 1, 0, 3]].astype(np.uint32)
        return self._turn.apply(((deep * 255 + 32_767) // 65_535).astype(np.uint8))

    def _in_format(self, frame: VideoFrame, pixel_format: str) -> npt.NDArray[np.generic]:
        converted = self._reformatter.reformat(
            frame,
            width=self._stored_width,
            height=self._stored_height,
            format=pixel_format,
            src_colorspace=_matrix(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=_CONVERSION,
            threads=1,
        )
        return converted.to_ndarray()


def _matrix(frame: VideoFrame) -> Colorspace | None:
    if frame.colorspace != _MATRIX_UNSPECIFIED:
        return None
    width, height = _HIGH_DEFINITION_FROM
    return Colorspace.ITU709 if frame.width >= width or frame.height >= height else Colorspace.ITU601
