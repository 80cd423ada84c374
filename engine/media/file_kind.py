"""What a file really is, whatever its name says: told from its first bytes."""

import re
from enum import StrEnum
from pathlib import Path

from engine.media.read_errors import reading

_HEAD_BYTES = 4096


class FileKind(StrEnum):
    """Kinds of files; the value is what they are called in a sentence."""

    JPEG = "a JPEG picture"
    PNG = "a PNG picture"
    WEBP = "a WebP picture"
    TIFF = "a TIFF picture"
    BMP = "a BMP picture"
    GIF = "a GIF picture"
    HEIF = "a HEIC or AVIF picture"
    JPEG_2000 = "a JPEG 2000 picture"
    PSD = "a Photoshop document"
    EXR = "an OpenEXR picture"
    MP4 = "an MP4 or QuickTime movie"
    MATROSKA = "a Matroska or WebM movie"
    AVI = "an AVI movie"
    WAV = "a WAV sound file"
    FLAC = "a FLAC sound file"
    OGG = "an Ogg file"
    MP3 = "an MP3 sound file"
    PDF = "a PDF document"
    ZIP = "a ZIP archive"
    HTML = "a web page"
    TEXT = "a text file"
    UNKNOWN = "not a kind of file that Masque knows"


_SIGNATURES: tuple[tuple[bytes, FileKind], ...] = (
    (rb"\xff\xd8\xff", FileKind.JPEG),
    (rb"\x89PNG\r\n\x1a\n", FileKind.PNG),
    (rb"RIFF....WEBP", FileKind.WEBP),
    (rb"RIFF....AVI ", FileKind.AVI),
    (rb"(RIFF|RIFX|RF64)....WAVE", FileKind.WAV),
    (rb"II[*+]\x00|MM\x00[*+]", FileKind.TIFF),
    (rb"BM.{4}\x00{4}", FileKind.BMP),
    (rb"GIF8[79]a", FileKind.GIF),
    (rb"....ftyp(hei|hev|mif1|msf1|avi)", FileKind.HEIF),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", FileKind.JPEG_2000),
    (rb"8BPS", FileKind.PSD),
    (rb"\x76\x2f\x31\x01", FileKind.EXR),
    (rb"....(ftyp|moov|mdat|wide|free|skip)", FileKind.MP4),
    (rb"\x1a\x45\xdf\xa3", FileKind.MATROSKA),
    (rb"fLaC", FileKind.FLAC),
    (rb"OggS", FileKind.OGG),
    (rb"ID3|\xff[\xf2-\xf3\xfa-\xfb]", FileKind.MP3),
    (rb"%PDF", FileKind.PDF),
    (rb"PK\x03\x04", FileKind.ZIP),
    (rb"(?i)\s*<(!doctype html|html)", FileKind.HTML),
)

STILL_KINDS = frozenset({FileKind.JPEG, FileKind.PNG, FileKind.WEBP, FileKind.TIFF, FileKind.BMP})
OTHER_STILL_KINDS = frozenset({FileKind.HEIF, FileKind.JPEG_2000, FileKind.PSD, FileKind.EXR})
MOVIE_KINDS = frozenset({FileKind.MP4, FileKind.MATROSKA, FileKind.AVI})
SOUND_KINDS = frozenset({FileKind.WAV, FileKind.FLAC, FileKind.OGG, FileKind.MP3})


def kind_of_bytes(head: bytes) -> FileKind:
    """Return what a file is that begins with `head`."""
    for pattern, kind in _SIGNATURES:
        if re.match(pattern, head, re.DOTALL):
            return kind
    return FileKind.TEXT if _is_text(head[:_HEAD_BYTES]) else FileKind.UNKNOWN


def kind_of_file(path: Path) -> FileKind:
    """Return what a file is. Raises UserError: FILE_MISSING, FILE_UNREADABLE."""
    with reading(path), path.open("rb") as file:
        return kind_of_bytes(file.read(_HEAD_BYTES))


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\r\n\t\f\ufeff" for character in text)
