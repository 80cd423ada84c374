"""Stills are read upright in 8 bits, and what cannot be read is said in a sentence."""

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.media.opencv import cv2
from engine.media.still import exif_orientation, read_still
from engine.protocol.errors import ErrorCode, UserError

# 32 x 32 CMYK JPEG (Adobe, inverted as Photoshop writes it): red, green / blue, (128, 64, 200) in RGB.
CMYK_JPEG = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUV"
    "FQwPFxgWFBgSFBUU/8AAFAgAIAAgBEMRAE0RAFkRAEsRAP/EABcAAQEBAQAAAAAAAAAAAAAAAAAKCQj/xAAUEAEAAAAAAAAAAAAA"
    "AAAAAAAA/9oADgRDAE0AWQBLAAA/ANU2VTKpqmAJV1VAACqhKuAAlXVUAACVdVQADVV1U5sABlU5VdJgA1VdVObAAf/Z"
)
QUADRANTS_BGR = ((0, 0, 255), (0, 255, 0), (255, 0, 0), (200, 64, 128))


def quadrants(height: int = 64, width: int = 48) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    rows, columns = height // 2, width // 2
    picture[:rows, :columns], picture[:rows, columns:] = QUADRANTS_BGR[0], QUADRANTS_BGR[1]
    picture[rows:, :columns], picture[rows:, columns:] = QUADRANTS_BGR[2], QUADRANTS_BGR[3]
    return picture


def write(path: Path, picture: np.ndarray, suffix: str | None = None) -> Path:
    path.write_bytes(cv2.imencode(suffix or path.suffix, picture)[1].tobytes())
    return path


def exif_block(orientation: int) -> bytes:
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHHI", 0x0112, 3, 1, orientation, 0, 0)


def jpeg_with_orientation(picture: np.ndarray, orientation: int) -> bytes:
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    exif = b"Exif\0\0" + exif_block(orientation)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of_size(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    )


def rgba_tiff(bgra: np.ndarray, extra_samples: int | None) -> bytes:
    """An uncompressed TIFF; `extra_samples` 1 says premultiplied alpha, 2 straight alpha, None nothing."""
    height, width = bgra.shape[:2]
    pixels = bgra[:, :, [2, 1, 0, 3]].tobytes()
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 4, 8), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 16), (277, 3, 1, 4), (278, 4, 1, height), (279, 4, 1, len(pixels))]
    tags += [] if extra_samples is None else [(338, 3, 1, extra_samples)]
    directory = struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        held = struct.pack("<HH", value, 0) if kind == 3 and count == 1 else struct.pack("<I", value)
        directory += struct.pack("<HHI", tag, kind, count) + held
    head = b"II*\0" + struct.pack("<I4H", 16 + len(pixels), 8, 8, 8, 8)
    return head + pixels + directory + bytes(4)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp", ".webp", ".jpg"])
def test_every_format_gives_the_picture_back(tmp_path: Path, suffix: str) -> None:
    still = read_still(write(tmp_path / f"plate{suffix}", quadrants()))
    assert still.alpha is None
    assert (still.width, still.height) == (48, 64)
    corners = still.bgr[[8, 8, -8, -8], [8, -8, 8, -8]].astype(int)
    assert np.abs(corners - QUADRANTS_BGR).max() <= (6 if suffix in {".jpg", ".webp"} else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_camera_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = quadrants()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_with_orientation(np.ascontiguousarray(stored), orientation))
    still = read_still(path)
    assert (still.width, still.height) == (48, 64)
    corners = still.bgr[[8, 8, -8, -8], [8, -8, 8, -8]].astype(int)
    assert np.abs(corners - QUADRANTS_BGR).max() <= 4


def test_damaged_camera_block_counts_as_upright() -> None:
    assert exif_orientation(exif_block(6)) == 6
    assert exif_orientation(exif_block(99)) == 1
    assert exif_orientation(exif_block(6)[:14]) == 1
    assert exif_orientation(b"rubbish") == 1


def test_cmyk_jpeg_has_its_real_colours(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    path.write_bytes(CMYK_JPEG)
    corners = read_still(path).bgr[[8, 8, -8, -8], [8, -8, 8, -8]].astype(int)
    assert np.abs(corners - QUADRANTS_BGR).max() <= 6


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65_535, 64 * 64).astype(np.uint16).reshape(64, 64)
    still = read_still(write(tmp_path / f"deep{suffix}", np.repeat(ramp[:, :, None], 3, axis=2)))
    assert still.bgr.dtype == np.uint8
    assert np.array_equal(still.bgr[:, :, 1], np.round(ramp / 257).astype(np.uint8))


def test_alpha_is_kept_straight(tmp_path: Path) -> None:
    alpha = np.tile(np.arange(48, dtype=np.uint8) * 5, (64, 1))
    still = read_still(write(tmp_path / "cut-out.png", np.dstack([quadrants(), alpha])))
    assert still.alpha is not None
    assert np.array_equal(still.alpha, alpha)
    assert np.array_equal(still.bgr, quadrants())


def test_opaque_alpha_is_no_alpha(tmp_path: Path) -> None:
    opaque = np.dstack([quadrants(), np.full((64, 48), 255, np.uint8)])
    assert read_still(write(tmp_path / "opaque.png", opaque)).alpha is None


@pytest.mark.parametrize("extra_samples", [None, 1, 2])
def test_translucent_tiff_keeps_its_colours(tmp_path: Path, extra_samples: int | None) -> None:
    colours = quadrants() * (100 / 255 if extra_samples == 1 else 1)
    translucent = np.dstack([np.round(colours).astype(np.uint8), np.full((64, 48), 100, np.uint8)])
    path = tmp_path / "cut-out.tiff"
    path.write_bytes(rgba_tiff(translucent, extra_samples))
    still = read_still(path)
    assert still.alpha is not None
    assert int(still.alpha.min()) == int(still.alpha.max()) == 100
    assert np.abs(still.bgr.astype(int) - quadrants()).max() <= 2


def test_grey_becomes_colour(tmp_path: Path) -> None:
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)
    still = read_still(write(tmp_path / "grey.png", grey))
    assert np.array_equal(still.bgr, np.dstack([grey, grey, grey]))


def test_wrong_suffix_of_a_real_picture_does_not_matter(tmp_path: Path) -> None:
    assert read_still(write(tmp_path / "plate.png", quadrants(), ".bmp")).width == 48


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_picture_cut_short_is_refused(
    tmp_path: Path, suffix: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"cut{suffix}"
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = cv2.imencode(suffix, noise)[1].tobytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=r"cut\.\w+ is cut short or damaged") as caught:
        read_still(path)
    assert caught.value.report.code is ErrorCode.FILE_UNREADABLE
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp"])
def test_rubbish_inside_never_gives_more_than_a_sentence(tmp_path: Path, suffix: str) -> None:
    generator = np.random.default_rng(7)
    sound = np.frombuffer(cv2.imencode(suffix, quadrants())[1].tobytes(), np.uint8)
    path = tmp_path / f"rubbish{suffix}"
    for _ in range(60):
        broken = sound.copy()
        places = generator.integers(0, len(broken), 8)
        broken[places] = generator.integers(0, 256, 8)
        path.write_bytes(broken.tobytes())
        try:
            assert read_still(path).bgr.shape[2] == 3
        except UserError as error:
            assert "rubbish" in error.report.message


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"To be, or not to be", "it is a text file"),
        (b"\0\0\0\x20ftypisom" + bytes(64), "it is an MP4 or QuickTime movie"),
        (b"%PDF-1.7", "it is a PDF document"),
        (b"\0\0\0\x20ftypheic" + bytes(64), "it is a HEIC or AVIF picture"),
        (bytes(range(200, 256)), "it is not a kind of file that Masque knows"),
    ],
)
def test_renamed_file_is_called_what_it_is(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "plate.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence) as caught:
        read_still(path)
    assert caught.value.report.code is ErrorCode.FORMAT_UNSUPPORTED
    assert caught.value.report.next_step


def test_missing_empty_and_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file gone\.png"):
        read_still(tmp_path / "gone.png")
    with pytest.raises(UserError, match="there is no folder"):
        read_still(tmp_path / "nowhere" / "gone.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(UserError, match="empty"):
        read_still(tmp_path / "empty.png")
    with pytest.raises(UserError, match="not a file"):
        read_still(tmp_path)


def test_one_pixel_is_too_small(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 × 1 pixels"):
        read_still(write(tmp_path / "dot.png", np.zeros((1, 1, 3), np.uint8)))


@pytest.mark.parametrize(("width", "height"), [(20_000, 100), (100, 20_000), (16_000, 16_000)])
def test_huge_picture_is_refused_by_its_header_alone(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png_of_size(width, height))
    with pytest.raises(UserError, match=f"{width} × {height} pixels"):
        read_still(path)


def test_floating_point_tiff_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="float32"):
        read_still(write(tmp_path / "linear.tiff", np.ones((64, 64, 3), np.float32)))
