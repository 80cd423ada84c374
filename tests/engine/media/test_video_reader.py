"""Every frame is the right one, in any order, in every kind of movie."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.media.opencv import cv2
from engine.media.video_reader import VideoReader
from engine.protocol.errors import ErrorCode, UserError
from tests.engine.media.movies import Movie, clicks, mux_sound, number_in, numbered_picture, write_movie

Movies = Callable[..., Path]

X264 = {"crf": "18", "preset": "ultrafast"}
B_FRAMES = {"crf": "18", "preset": "veryfast", "bf": "3", "g": "12"}
OPEN = B_FRAMES | {"x264-params": "open-gop=1:scenecut=0"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12:bframes=3:open-gop=1"}
VPX = {"g": "20", "cpu-used": "8", "deadline": "realtime", "b": "1000000"}
KINDS: dict[str, dict[str, object]] = {
    "closed.mp4": {"options": B_FRAMES},
    "open.mp4": {"options": OPEN},
    "open.mkv": {"options": OPEN},
    "open.ts": {"options": OPEN | {"g": "10"}},
    "one_key.mp4": {"options": X264 | {"bf": "2", "g": "250", "preset": "veryfast"}},
    "refresh.mp4": {"options": X264 | {"x264-params": "intra-refresh=1:keyint=10"}},
    "film.mp4": {"options": X264, "rate": Fraction(24_000, 1001)},
    "film.mkv": {"options": X264, "rate": Fraction(24_000, 1001)},
    "ntsc.mkv": {"options": X264, "rate": Fraction(30_000, 1001)},
    "thirty.mkv": {"options": X264, "rate": Fraction(30)},
    "sixty.mkv": {"options": X264, "rate": Fraction(60)},
    "b_frames.avi": {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "q": "3"}},
    "mpeg2.ts": {
        "codec": "mpeg2video",
        "options": {"bf": "2", "g": "12", "b": "4000000"},
        "rate": Fraction(25),
    },
    "intra.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le"},
    "motion_jpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p", "options": {"q": "3"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": VPX},
    "vp8.webm": {"codec": "libvpx", "options": VPX},
    "hevc.mp4": {"codec": "libx265", "options": X265},
    "ten_bits.mp4": {"codec": "libx264", "pixel_format": "yuv420p10le", "options": X264},
    "lossless.mkv": {"codec": "ffv1", "pixel_format": "bgr0"},
    "odd.mkv": {"codec": "ffv1", "pixel_format": "yuv420p", "width": 97, "height": 63},
    "animation.gif": {"codec": "gif", "pixel_format": "rgb8", "rate": Fraction(25)},
    "late.mp4": {"options": X264 | {"bf": "2", "g": "12"}, "times": range(31, 81)},
    "late.ts": {"options": X264 | {"bf": "2", "g": "12"}, "times": range(31, 81)},
}


def numbers(reader: VideoReader) -> list[int]:
    return [number_in(reader.frame_number(number)) for number in range(reader.frame_count)]


@pytest.mark.parametrize("name", KINDS)
def test_any_order_shows_the_frames_that_playing_through_shows(movies: Movies, name: str) -> None:
    path = movies(name, **KINDS[name])
    with VideoReader(path) as reader:
        through = [reader.frame_number(number) for number in range(reader.frame_count)]
        assert [number_in(picture) for picture in through] == list(range(50))
    with VideoReader(path) as reader:
        for number in np.random.default_rng(3).integers(0, 50, 60).tolist():
            assert np.array_equal(reader.frame_number(number), through[number])


@pytest.mark.parametrize("name", KINDS)
def test_times_are_exact_where_the_rate_is_constant(movies: Movies, name: str) -> None:
    rate = KINDS[name].get("rate", Fraction(24))
    assert isinstance(rate, Fraction)
    with VideoReader(movies(name, **KINDS[name])) as reader:
        assert reader.frame_rate == rate
        assert reader.times_s == tuple(number / rate for number in range(50))
        assert reader.duration_s == 50 / rate
        for number in range(0, 50, 7):
            assert number_in(reader.frame_at(number / rate)) == number
            assert number_in(reader.frame_at((number + 1) / rate - Fraction(1, 100_000))) == number


@pytest.mark.parametrize("name", ["varying.mp4", "varying.mkv"])
def test_varying_rate_shows_the_last_frame_that_has_started(movies: Movies, name: str) -> None:
    times = [0, 40, 50, 60, 400, 410, 900, 1000, 1001, 1500]
    movie = {"times": times, "time_base": Fraction(1, 1000), "options": X264 | {"bf": "2"}}
    with VideoReader(movies(name, **movie)) as reader:
        assert reader.times_s == tuple(Fraction(time, 1000) for time in times)
        assert [number_in(reader.frame_at(Fraction(time, 1000))) for time in times] == list(range(10))
        assert number_in(reader.frame_at(Fraction(399, 1000))) == 3
        assert number_in(reader.frame_at(Fraction(899, 1000))) == 5


def test_resampling_by_time_repeats_and_drops_frames(movies: Movies) -> None:
    with VideoReader(movies("thirty.mkv", **KINDS["thirty.mkv"])) as reader:
        shown = [number_in(picture) for picture in reader.frames(Fraction(n, 24) for n in range(40))]
        assert shown == [n * 30 // 24 for n in range(40)]
        shown = [number_in(picture) for picture in reader.frames(Fraction(n, 60) for n in range(90))]
        assert shown == [n // 2 for n in range(90)]


def test_times_outside_the_movie_show_its_ends(movies: Movies) -> None:
    with VideoReader(movies("closed.mp4", **KINDS["closed.mp4"])) as reader:
        assert number_in(reader.frame_at(Fraction(-3))) == 0
        assert number_in(reader.frame_at(Fraction(99))) == 49
        with pytest.raises(IndexError):
            reader.frame_number(50)


def test_pictures_cannot_be_changed_by_a_reader(movies: Movies) -> None:
    with VideoReader(movies("closed.mp4", **KINDS["closed.mp4"])) as reader:
        assert not reader.frame_number(3).flags.writeable


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotation_tag_is_applied(movies: Movies, degrees: int, turns: int) -> None:
    plain = movies("upright.mov", codec="mjpeg", pixel_format="yuvj444p", count=2, options={"q": "2"})
    turned = movies(
        f"turned{degrees}.mov",
        codec="mjpeg",
        pixel_format="yuvj444p",
        count=2,
        options={"q": "2"},
        rotation=degrees,
    )
    with VideoReader(plain) as upright, VideoReader(turned) as reader:
        assert (reader.width, reader.height) == ((96, 64) if degrees == 180 else (64, 96))
        assert np.array_equal(reader.frame_number(1), np.rot90(upright.frame_number(1), turns))


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        frame = av.VideoFrame.from_ndarray(numbered_picture(5), format="bgr24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        assert (reader.width, reader.height) == (128, 64)
        assert reader.frame_number(0).shape == (64, 128, 3)


def test_alpha_comes_back_straight(movies: Movies) -> None:
    def translucent(number: int, width: int, height: int) -> np.ndarray:
        alpha = np.tile(np.arange(width, dtype=np.uint8), (height, 1))
        return np.dstack([numbered_picture(number, width, height), alpha])

    path = movies("alpha.mkv", codec="ffv1", pixel_format="bgra", count=3, pictures=translucent)
    with VideoReader(path) as reader:
        assert reader.has_alpha
        assert np.array_equal(reader.frame_number(1), numbered_picture(1))
        for number, picture in enumerate(reader.bgra_frames()):
            assert np.array_equal(picture, translucent(number, 96, 64))


def test_movie_without_alpha_is_opaque(movies: Movies) -> None:
    with VideoReader(movies("lossless.mkv", **KINDS["lossless.mkv"])) as reader:
        assert not reader.has_alpha
        assert int(reader.bgra_frame_number(4)[:, :, 3].min()) == 255


COLOURS_BGR = (
    (0, 0, 255),
    (0, 255, 0),
    (255, 0, 0),
    (40, 120, 200),
    (200, 128, 64),
    (128, 128, 128),
    (255, 255, 255),
)


@pytest.mark.parametrize(("matrix", "tag"), [("bt709", 1), ("smpte170m", 6), ("bt2020nc", 9)])
@pytest.mark.parametrize("is_full_range", [False, True])
def test_matrix_and_range_of_the_file_are_used(
    tmp_path: Path, matrix: str, tag: int, is_full_range: bool
) -> None:
    path = tmp_path / "colours.mkv"
    picture = np.concatenate([np.full((32, 16, 3), colour, np.uint8) for colour in COLOURS_BGR], axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], 32, "yuv444p"
        stream.codec_context.colorspace = tag
        stream.codec_context.color_range = 2 if is_full_range else 1
        container.mux(stream.encode(yuv_frame(picture, matrix, is_full_range)))
        container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        assert np.abs(reader.frame_number(0).astype(int) - picture).max() <= 2


def yuv_frame(bgr: np.ndarray, matrix: str, is_full_range: bool) -> av.VideoFrame:
    """The textbook conversion (ITU-R BT.709, BT.601, BT.2020), written out in floating point."""
    red_share, blue_share = {
        "bt709": (0.2126, 0.0722),
        "smpte170m": (0.299, 0.114),
        "bt2020nc": (0.2627, 0.0593),
    }[matrix]
    blue, green, red = (bgr[:, :, channel] / 255 for channel in range(3))
    luma = red_share * red + (1 - red_share - blue_share) * green + blue_share * blue
    differences = ((blue - luma) / (2 - 2 * blue_share), (red - luma) / (2 - 2 * red_share))
    scale, offset, chroma_scale = (255, 0, 255) if is_full_range else (219, 16, 224)
    planes = [luma * scale + offset, *(difference * chroma_scale + 128 for difference in differences)]
    stacked = np.stack([np.round(plane).clip(0, 255) for plane in planes]).astype(np.uint8)
    return av.VideoFrame.from_ndarray(stacked, format="yuv444p")


def grainy_picture(number: int, width: int, height: int) -> np.ndarray:
    picture = numbered_picture(number, width, height)
    picture[16:] = np.random.default_rng(number).integers(0, 256, (height - 16, width, 3))
    return picture


def test_movie_cut_short_promises_only_what_can_be_decoded(movies: Movies, tmp_path: Path) -> None:
    for name in ("open.mkv", "open.ts", "mpeg2.ts", "vp9.webm", "lossless.mkv"):
        whole = movies(f"grain_{name}", **KINDS[name], pictures=grainy_picture).read_bytes()
        for share in (0.35, 0.5, 0.77, 0.93):
            path = tmp_path / f"cut_{share}_{name}"
            path.write_bytes(whole[: int(len(whole) * share)])
            with VideoReader(path) as reader:
                assert 0 < reader.frame_count < 50
                rate = 25 if name == "mpeg2.ts" else 24
                assert numbers(reader) == [round(time_s * rate) for time_s in reader.times_s], (name, share)


def test_fast_start_movie_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    write_movie(
        path,
        Movie(
            options=X264 | {"g": "12", "bf": "2"},
            container_options={"movflags": "faststart"},
            pictures=grainy_picture,
        ),
    )
    whole = path.read_bytes()
    for share in (0.5, 0.7, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with VideoReader(path) as reader:
            assert 0 < reader.frame_count < 50
            assert all(
                seen == place
                for place, seen in zip(range(reader.frame_count - 3), numbers(reader), strict=False)
            )


def test_damaged_frames_show_the_picture_before_them(movies: Movies, tmp_path: Path) -> None:
    data = bytearray(movies("motion_jpeg.avi", **KINDS["motion_jpeg.avi"]).read_bytes())
    path = tmp_path / "damaged.avi"
    generator = np.random.default_rng(5)
    for place in generator.integers(len(data) // 3, len(data) * 2 // 3, 40).tolist():
        data[place] = int(generator.integers(0, 256))
    path.write_bytes(data)
    with VideoReader(path) as reader:
        assert reader.frame_count >= 30
        assert all(reader.frame_number(number).shape == (64, 96, 3) for number in range(reader.frame_count))


def test_movie_that_begins_with_undecodable_frames_begins_at_the_first_good_one(
    movies: Movies, tmp_path: Path
) -> None:
    whole = movies("open.ts", **KINDS["open.ts"]).read_bytes()
    path = tmp_path / "tail.ts"
    path.write_bytes(whole[len(whole) // 2 // 188 * 188 :])
    with VideoReader(path) as reader:
        seen = numbers(reader)
        assert reader.times_s[0] == 0
        assert seen == list(range(seen[0], 50))


def test_sound_alone_is_told_from_pictures(movies: Movies, tmp_path: Path) -> None:
    path = tmp_path / "only_sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        mux_sound(container, stream, Movie(sound=clicks([100], 4800)))
    with pytest.raises(UserError, match=r"only_sound\.mp4 has only sound") as caught:
        VideoReader(path)
    assert caught.value.report.code is ErrorCode.FORMAT_UNSUPPORTED


def test_cover_picture_is_not_a_movie(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    cover = cv2.imencode(".jpg", numbered_picture(1))[1].tobytes()
    frame = b"APIC" + (len(cover) + 14).to_bytes(4, "big") + b"\0\0" + b"\0image/jpeg\0\3\0" + cover
    size = len(frame)
    tag = b"ID3\3\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + frame
    with av.open(str(tmp_path / "plain.mp3"), "w") as container:
        stream = container.add_stream("mp3", rate=48_000, layout="stereo")
        mux_sound(container, stream, Movie(sound=clicks([100], 48_000)))
    path.write_bytes(tag + (tmp_path / "plain.mp3").read_bytes())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(UserError, match="has only sound"):
        VideoReader(path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.mp4", b"Scene one. Enter two gentlemen. " * 40, "it is a text file"),
        ("empty.mp4", b"", "is empty"),
        (
            "noise.mov",
            np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes(),
            "not a kind of file",
        ),
        ("archive.mkv", b"PK\3\4" + bytes(2000), "it is a ZIP archive"),
        ("head_only.mp4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64), "cut short or damaged"),
    ],
)
def test_what_is_no_movie_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence) as caught:
        VideoReader(path)
    assert name in caught.value.report.message
    assert caught.value.report.next_step


def test_still_picture_is_not_a_movie(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".bmp", ".webp", ".tiff"):
        path = tmp_path / f"still{suffix}"
        path.write_bytes(cv2.imencode(suffix, numbered_picture(1))[1].tobytes())
        with pytest.raises(UserError, match="not a movie"):
            VideoReader(path)


def test_missing_movie_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file gone\.mov") as caught:
        VideoReader(tmp_path / "gone.mov")
    assert caught.value.report.code is ErrorCode.FILE_MISSING


def test_movie_whose_end_is_missing_says_so(movies: Movies, tmp_path: Path) -> None:
    whole = movies("closed.mp4", **KINDS["closed.mp4"]).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cut short or damaged") as caught:
        VideoReader(path)
    assert caught.value.report.code is ErrorCode.FILE_UNREADABLE


def test_names_that_look_like_addresses_are_files(movies: Movies, tmp_path: Path) -> None:
    path = tmp_path / "take%03d: 100%?.mp4"
    path.write_bytes(movies("closed.mp4", **KINDS["closed.mp4"]).read_bytes())
    with VideoReader(path) as reader:
        assert reader.frame_count == 50
