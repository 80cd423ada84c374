"""Still pictures: read upright, 8 bits a channel, blue green red, with their alpha."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.media.file_kind import MOVIE_KINDS, OTHER_STILL_KINDS, STILL_KINDS, FileKind, kind_of_bytes
from engine.media.opencv import cv2
from engine.media.read_errors import reading, require_file
from engine.media.still_header import header_size, is_png_complete, tiff_tags
from engine.protocol.errors import ErrorCode, UserError

Picture = npt.NDArray[np.uint8]

SMALLEST_SIDE = 32
LARGEST_SIDE = 16_384
LARGEST_AREA = 120_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StillPicture:
    """A still: `bgr` is uint8 [height, width, 3], `alpha` uint8 [height, width] (straight) or None."""

    bgr: Picture
    alpha: Picture | None

    @property
    def width(self) -> int:
        """Pixels across, upright."""
        return int(self.bgr.shape[1])

    @property
    def height(self) -> int:
        """Pixels down, upright."""
        return int(self.bgr.shape[0])


def read_still(path: Path) -> StillPicture:
    """Read a JPEG, PNG, WebP, TIFF or BMP; the EXIF orientation is applied, CMYK and grey become colour.

    16 bits a channel are rounded to 8. The values are taken as sRGB: an embedded colour profile is not
    applied.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE, FORMAT_UNSUPPORTED (not a still that can be read),
    BAD_INPUT (empty, cut short, damaged, a side under 32 or over 16,384 pixels, more than 120 million
    pixels).
    """
    require_file(path)
    with reading(path):
        data = path.read_bytes()
    kind = kind_of_bytes(data)
    _require_still(path, kind)
    _require_size(path, header_size(data, kind))
    if kind is FileKind.PNG and not is_png_complete(data):
        raise _damaged(path)
    stored = _decode(path, data, kind)
    premultiplied = kind is FileKind.TIFF and _comes_premultiplied(data, stored)
    return _as_still(_in_eight_bits(path, stored), premultiplied=premultiplied)


def _require_still(path: Path, kind: FileKind) -> None:
    if kind in STILL_KINDS:
        return
    if kind in OTHER_STILL_KINDS or kind is FileKind.GIF:
        next_step = "Save it as PNG, JPEG, WebP, TIFF or BMP in a picture editor and use that."
    elif kind in MOVIE_KINDS:
        next_step = "Use it as a driving clip, or choose a PNG, JPEG, WebP, TIFF or BMP picture."
    else:
        next_step = "Choose a PNG, JPEG, WebP, TIFF or BMP picture."
    raise UserError(
        f"{path.name} cannot be used as a picture: it is {kind}.",
        next_step=next_step,
        code=ErrorCode.FORMAT_UNSUPPORTED,
    )


def _require_size(path: Path, size: tuple[int, int] | None) -> None:
    if size is None:
        raise _damaged(path)
    width, height = size
    if min(size) < SMALLEST_SIDE:
        raise UserError(
            f"{path.name} is too small: {width} × {height} pixels; each side needs {SMALLEST_SIDE}.",
            next_step="Choose a larger picture.",
        )
    if max(size) > LARGEST_SIDE or width * height > LARGEST_AREA:
        raise UserError(
            f"{path.name} is too large: {width} × {height} pixels; at most {LARGEST_SIDE} on a side and "
            f"{LARGEST_AREA // 1_000_000} million in all can be used.",
            next_step="Scale it down in a picture editor and use that.",
        )


def _decode(path: Path, data: bytes, kind: FileKind) -> npt.NDArray[np.generic]:
    """Decode as stored, then turn upright; TIFFs are turned by their decoder."""
    try:
        stored, blocks, values = cv2.imdecodeWithMetadata(
            np.frombuffer(data, np.uint8), flags=cv2.IMREAD_UNCHANGED
        )
    except cv2.error as error:
        raise _damaged(path) from error
    if stored is None or stored.size == 0:
        raise _damaged(path)
    if kind is FileKind.TIFF:
        return stored
    exif = next((v for b, v in zip(blocks, values, strict=True) if b == cv2.IMAGE_METADATA_EXIF), None)
    return _turned(stored, 1 if exif is None else exif_orientation(np.asarray(exif).tobytes()))


def exif_orientation(exif: bytes) -> int:
    """Return the orientation (1 to 8) that an EXIF block names, else 1 (EXIF 2.32, tag 0x0112)."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", block, entry)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _turned(stored: npt.NDArray[np.generic], orientation: int) -> npt.NDArray[np.generic]:
    """Return the picture upright: EXIF 5 to 8 swap the axes, then rows and columns may run backwards."""
    turned = stored.swapaxes(0, 1) if orientation >= 5 else stored
    if orientation in {3, 4, 7, 8}:
        turned = turned[::-1]
    if orientation in {2, 3, 6, 7}:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def _in_eight_bits(path: Path, stored: npt.NDArray[np.generic]) -> Picture:
    if stored.dtype == np.uint8:
        return stored.astype(np.uint8, copy=False)
    if stored.dtype == np.uint16:
        return ((stored.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
    raise UserError(
        f"{path.name} holds numbers of a kind that cannot be shown ({stored.dtype}).",
        next_step="Save it with 8 or 16 bits a channel and use that.",
        code=ErrorCode.FORMAT_UNSUPPORTED,
    )


def _as_still(stored: Picture, *, premultiplied: bool) -> StillPicture:
    if stored.ndim == 2:
        return StillPicture(bgr=np.repeat(stored[:, :, None], 3, axis=2), alpha=None)
    colours, alpha = np.ascontiguousarray(stored[:, :, :3]), None
    if stored.shape[2] == 4 and stored[:, :, 3].min() < 255:
        alpha = np.ascontiguousarray(stored[:, :, 3])
        if premultiplied:
            colours = _unpremultiplied(colours, alpha)
    return StillPicture(bgr=colours, alpha=alpha)


def _comes_premultiplied(data: bytes, stored: npt.NDArray[np.generic]) -> bool:
    """Return whether a decoded TIFF's colours are multiplied by its alpha.

    They are where the file says so (ExtraSamples 1), and libtiff also multiplies straight alpha (2) of 8-bit
    files.
    """
    extra_samples = tiff_tags(data).get(338, 0)
    return extra_samples == 1 or (extra_samples == 2 and stored.dtype == np.uint8)


def _unpremultiplied(colours: Picture, alpha: Picture) -> Picture:
    """Undo the multiplication of the colours by alpha."""
    divisor = np.maximum(alpha, 1).astype(np.uint32)[:, :, None]
    restored = (colours.astype(np.uint32) * 255 + divisor // 2) // divisor
    unpremultiplied: Picture = np.minimum(restored, 255).astype(np.uint8)
    return unpremultiplied


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path.name} is cut short or damaged.",
        next_step="Copy the file again from where it came from, or choose another picture.",
        code=ErrorCode.FILE_UNREADABLE,
    )
