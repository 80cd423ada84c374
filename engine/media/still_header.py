"""The size of a still picture, read from its header, so that a huge one is refused before it is decoded.

Sources: ITU-T T.81 (JPEG), W3C PNG third edition, RFC 9649 (WebP), TIFF 6.0, Microsoft's BITMAPINFOHEADER.
"""

import struct
from collections.abc import Callable

from engine.media.file_kind import FileKind

Size = tuple[int, int]

_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def header_size(data: bytes, kind: FileKind) -> Size | None:
    """Return the stored width and height (not turned), or None where the header is cut short or damaged."""
    try:
        return _READERS[kind](data)
    except (struct.error, IndexError):
        return None


def is_png_complete(data: bytes) -> bool:
    """Return whether a PNG's chunks reach its end chunk."""
    position = 8
    while position + 12 <= len(data):
        length: int
        length, name = struct.unpack_from(">I4s", data, position)
        position += 12 + length
        if name == b"IEND":
            return position <= len(data)
    return False


def tiff_tags(data: bytes) -> dict[int, int]:
    """Return the first value of each whole-number tag of a TIFF's first picture, classic or BigTIFF.

    Raises struct.error where the file is cut short.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = struct.unpack_from(order + "H", data, 2)[0] == 43
    start: int = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)[0]
    count: int = struct.unpack_from(order + ("Q" if is_big else "H"), data, start)[0]
    first, entry_bytes, value_offset = (start + 8, 20, 12) if is_big else (start + 2, 12, 8)
    tags: dict[int, int] = {}
    for entry in range(first, first + entry_bytes * min(count, 4096), entry_bytes):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        form = {3: "H", 4: "I", 16: "Q"}.get(kind)
        if form is not None:
            tags[tag] = struct.unpack_from(order + form, data, entry + value_offset)[0]
    return tags


def _png_size(data: bytes) -> Size | None:
    width, height = struct.unpack_from(">II", data, 16)
    return (width, height) if data[12:16] == b"IHDR" else None


def _jpeg_size(data: bytes) -> Size | None:
    position = 2
    while position < len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _JPEG_FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2
        if marker not in _JPEG_WITHOUT_LENGTH:
            position += struct.unpack_from(">H", data, position)[0]
    return None


def _webp_size(data: bytes) -> Size | None:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return (width, height) if len(data) >= 30 else None
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _bmp_size(data: bytes) -> Size | None:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _tiff_size(data: bytes) -> Size | None:
    tags = tiff_tags(data)
    return (tags[256], tags[257]) if {256, 257} <= tags.keys() else None


_READERS: dict[FileKind, Callable[[bytes], Size | None]] = {
    FileKind.PNG: _png_size,
    FileKind.JPEG: _jpeg_size,
    FileKind.WEBP: _webp_size,
    FileKind.BMP: _bmp_size,
    FileKind.TIFF: _tiff_size,
}
