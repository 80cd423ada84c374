"""Movies and sequences are what an editing tool expects: exact rates, true colours, right tags, whole or
absent.
"""

import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest

from engine.media.audio_reader import read_audio
from engine.media.movie_settings import is_timecode
from engine.media.still import read_still
from engine.media.video_reader import VideoReader
from engine.media.video_writer import MovieFormat, open_movie_writer
from engine.protocol.errors import BugError, ErrorCode, UserError
from tests.engine.media.movies import clicks, number_in, numbered_picture

FILM = Fraction(24_000, 1001)
SUFFIXES = {MovieFormat.H264: ".mp4", MovieFormat.PRORES_422_HQ: ".mov", MovieFormat.PRORES_4444: ".mov"}
MOVIES = list(SUFFIXES)
COLOURS_BGR = (
    (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 0), (40, 120, 200), (200, 128, 64), (128, 128, 128),
    (255, 255, 255), (0, 0, 0), (90, 130, 180),
)  # fmt: skip


def colour_chart() -> np.ndarray:
    return np.concatenate([np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS_BGR], axis=1)


def write(path: Path, movie_format: MovieFormat, pictures: list[np.ndarray], **changes: object) -> Path:
    settings: dict[str, object] = {
        "format": movie_format,
        "width": pictures[0].shape[1],
        "height": pictures[0].shape[0],
        "frame_rate": FILM,
    } | changes
    with open_movie_writer(path, **settings) as writer:  # type: ignore[arg-type]
        for picture in pictures:
            writer.write(picture)
    return path


@pytest.mark.parametrize("movie_format", MOVIES)
def test_colours_come_back_within_two_levels(tmp_path: Path, movie_format: MovieFormat) -> None:
    path = write(tmp_path / f"chart{SUFFIXES[movie_format]}", movie_format, [colour_chart()] * 3)
    with VideoReader(path) as reader:
        seen = reader.frame_number(1).astype(int)
    patches = seen[8:24].reshape(16, len(COLOURS_BGR), 32, 3)[:, :, 8:24]
    assert np.abs(patches.mean(axis=(0, 2)) - COLOURS_BGR).max() <= 2
    assert np.abs(patches - np.array(COLOURS_BGR)[None, :, None]).max() <= 4


@pytest.mark.parametrize("movie_format", MOVIES)
def test_writing_and_reading_darkens_nothing(tmp_path: Path, movie_format: MovieFormat) -> None:
    across, down = np.meshgrid(np.linspace(20, 230, 192), np.linspace(20, 230, 96))
    picture = np.round(np.dstack([across, down, 250 - across])).astype(np.uint8)
    path = write(tmp_path / f"ramp{SUFFIXES[movie_format]}", movie_format, [picture])
    with VideoReader(path) as reader:
        difference = reader.frame_number(0).astype(int) - picture
    assert abs(difference.mean()) < 0.35
    assert np.abs(difference).mean() < 1


@pytest.mark.parametrize("movie_format", MOVIES)
def test_movies_are_tagged_as_bt709_limited(tmp_path: Path, movie_format: MovieFormat) -> None:
    path = write(tmp_path / f"chart{SUFFIXES[movie_format]}", movie_format, [colour_chart()])
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        assert tags == (1, 1, 1, 1)
        frame = next(container.decode(video=0))
        assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (1, 1, 1)
    # The container says so itself, not only the stream inside it.
    assert b"colrnclx" in path.read_bytes() if path.suffix == ".mp4" else b"colrnclc" in path.read_bytes()


@pytest.mark.parametrize(
    ("movie_format", "profile", "pixel_format"),
    [
        (MovieFormat.H264, "High", "yuv420p"),
        (MovieFormat.PRORES_422_HQ, "HQ", "yuv422p10le"),
        (MovieFormat.PRORES_4444, "4444", "yuva444p12le"),
    ],
)
def test_profiles_are_those_that_are_asked_for(
    tmp_path: Path, movie_format: MovieFormat, profile: str, pixel_format: str
) -> None:
    path = write(tmp_path / f"a{SUFFIXES[movie_format]}", movie_format, [numbered_picture(0)])
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert context.profile == profile
        assert context.pix_fmt == pixel_format


@pytest.mark.parametrize("movie_format", MOVIES)
@pytest.mark.parametrize(
    "rate",
    [
        FILM,
        Fraction(24),
        Fraction(25),
        Fraction(30_000, 1001),
        Fraction(60_000, 1001),
        Fraction(23),
        Fraction(25, 2),
    ],
)
def test_rates_and_counts_are_exact(tmp_path: Path, movie_format: MovieFormat, rate: Fraction) -> None:
    pictures = [numbered_picture(number) for number in range(29)]
    sound = np.zeros((200_000, 2), np.float32)
    path = write(
        tmp_path / f"a{SUFFIXES[movie_format]}", movie_format, pictures, frame_rate=rate, sound=sound
    )
    with VideoReader(path) as reader:
        assert reader.frame_rate == rate
        assert reader.duration_s == 29 / rate
        assert [number_in(reader.frame_at(number / rate)) for number in range(29)] == list(range(29))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == 29 / rate
        assert stream.start_time == 0


@pytest.mark.parametrize("movie_format", MOVIES)
def test_sound_lies_on_its_sample_and_ends_with_the_pictures(
    tmp_path: Path, movie_format: MovieFormat
) -> None:
    places = [5_000, 48_000, 90_001]
    pictures = [numbered_picture(number) for number in range(48)]
    path = write(
        tmp_path / f"a{SUFFIXES[movie_format]}", movie_format, pictures, sound=clicks(places, 200_000)
    )
    heard = read_audio(path)
    for place in places:
        around = np.abs(heard[place - 300 : place + 300, 0])
        assert abs(int(around.argmax()) - 300) <= (1 if movie_format is MovieFormat.H264 else 0)
    if movie_format is not MovieFormat.H264:
        assert len(heard) == round(48 / FILM * 48_000)
        assert np.abs(heard - clicks(places, len(heard))).max() < 2e-7
    else:
        assert 0 <= len(heard) - round(48 / FILM * 48_000) < 1024


@pytest.mark.parametrize("movie_format", MOVIES)
def test_timecode_makes_a_track(tmp_path: Path, movie_format: MovieFormat) -> None:
    path = write(
        tmp_path / f"a{SUFFIXES[movie_format]}",
        movie_format,
        [numbered_picture(0)] * 2,
        timecode="01:00:00:00",
    )
    with av.open(str(path)) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:00:00:00"
        assert [stream.type for stream in container.streams] == ["video", "data"]


def test_timecodes_are_checked() -> None:
    assert is_timecode("23:59:59:23", Fraction(24))
    assert is_timecode("01:00:00;02", Fraction(30_000, 1001))
    assert is_timecode("01:10:00;00", Fraction(30_000, 1001))
    assert not is_timecode("01:01:00;00", Fraction(30_000, 1001))
    assert not is_timecode("01:00:00:24", Fraction(24))
    assert not is_timecode("01:00:00;00", Fraction(24))
    assert not is_timecode("24:00:00:00", Fraction(24))
    assert not is_timecode("1 hour", Fraction(24))


def translucent_picture() -> np.ndarray:
    alpha = np.tile(np.arange(0, 256, dtype=np.uint8), (64, 1))
    colours = np.full((64, 256, 3), (40, 120, 200), np.uint8)
    return np.dstack([colours, alpha])


def test_prores_4444_keeps_every_level_of_alpha(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", MovieFormat.PRORES_4444, [translucent_picture()] * 2)
    with VideoReader(path) as reader:
        assert reader.has_alpha
        seen = reader.bgra_frame_number(1)
    assert np.array_equal(seen[:, :, 3], translucent_picture()[:, :, 3])
    assert np.abs(seen[:, :, :3].astype(int) - (40, 120, 200)).max() <= 2


def test_opaque_pictures_are_opaque_in_prores_4444(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", MovieFormat.PRORES_4444, [numbered_picture(3)])
    with VideoReader(path) as reader:
        assert int(reader.bgra_frame_number(0)[:, :, 3].min()) == 255


def test_formats_without_alpha_show_black_behind(tmp_path: Path) -> None:
    picture = translucent_picture()
    path = write(tmp_path / "a.mov", MovieFormat.PRORES_422_HQ, [picture])
    with VideoReader(path) as reader:
        seen = reader.frame_number(0)[:, :, 2].astype(int)
    difference = np.abs(seen - 200 * picture[:, :, 3].astype(int) / 255)
    assert difference.mean() < 1.5
    assert difference.max() <= 5


@pytest.mark.parametrize("channels", [3, 4])
def test_png_sequence_keeps_every_pixel(tmp_path: Path, channels: int) -> None:
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (33, 47, channels), np.uint8) for _ in range(3)]
    folder = write(tmp_path / "Shot 1", MovieFormat.PNG, pictures, sound=clicks([7], 90_000))
    names = ["Shot 1.000000.png", "Shot 1.000001.png", "Shot 1.000002.png", "Shot 1.wav"]
    assert sorted(path.name for path in folder.iterdir()) == names
    for number, picture in enumerate(pictures):
        still = read_still(folder / names[number])
        assert np.array_equal(still.bgr, picture[:, :, :3])
        assert channels == 3 or np.array_equal(still.alpha, picture[:, :, 3])
    assert len(read_audio(folder / "Shot 1.wav")) == round(3 / FILM * 48_000)


def test_exr_sequence_holds_premultiplied_linear_light(tmp_path: Path) -> None:
    picture = np.full((8, 16, 4), (0, 128, 255, 51), np.uint8)
    picture[:, 8:, 3] = 255
    folder = write(tmp_path / "shot", MovieFormat.EXR, [picture, picture])
    assert sorted(path.name for path in folder.iterdir()) == ["shot.000000.exr", "shot.000001.exr"]
    pixels = OpenEXR.File(str(folder / "shot.000000.exr")).channels()["RGBA"].pixels
    assert pixels.dtype == np.float16
    assert np.allclose(pixels[0, 8], (1.0, 0.21586, 0.0, 1.0), atol=2e-4)
    assert np.allclose(pixels[0, 0], (0.2, 0.2 * 0.21586, 0.0, 0.2), atol=2e-4)


def test_exr_without_alpha_has_three_channels(tmp_path: Path) -> None:
    folder = write(tmp_path / "shot", MovieFormat.EXR, [numbered_picture(1)])
    file = OpenEXR.File(str(folder / "shot.000000.exr"))
    assert file.channels()["RGB"].pixels.shape == (64, 96, 3)
    assert np.allclose(file.header()["chromaticities"], (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))


def test_sequence_never_mixes_with_files_that_are_there(tmp_path: Path) -> None:
    folder = write(tmp_path / "shot", MovieFormat.PNG, [numbered_picture(1)])
    with pytest.raises(UserError, match="already holds files") as caught:
        write(folder, MovieFormat.PNG, [numbered_picture(2)])
    assert caught.value.report.code is ErrorCode.FILE_EXISTS
    assert number_in(read_still(folder / "shot.000000.png").bgr) == 1


@pytest.mark.parametrize(
    ("movie_format", "size", "is_fine"),
    [
        (MovieFormat.H264, (97, 64), False),
        (MovieFormat.H264, (96, 63), False),
        (MovieFormat.PRORES_422_HQ, (97, 64), False),
        (MovieFormat.PRORES_422_HQ, (96, 63), True),
        (MovieFormat.PRORES_4444, (97, 63), True),
    ],
)
def test_odd_sizes_are_refused_only_where_they_cannot_be(
    tmp_path: Path, movie_format: MovieFormat, size: tuple[int, int], is_fine: bool
) -> None:
    path = tmp_path / f"a{SUFFIXES[movie_format]}"
    picture = numbered_picture(5, *size)
    if not is_fine:
        with pytest.raises(UserError, match="even sizes"):
            write(path, movie_format, [picture])
        return
    with VideoReader(write(path, movie_format, [picture])) as reader:
        assert (reader.width, reader.height) == size
        assert number_in(reader.frame_number(0)) == 5


@pytest.mark.parametrize("movie_format", list(MovieFormat))
def test_exception_leaves_nothing(tmp_path: Path, movie_format: MovieFormat) -> None:
    path = tmp_path / f"a{SUFFIXES.get(movie_format, '')}"
    settings = {"format": movie_format, "width": 96, "height": 64, "frame_rate": FILM}
    with pytest.raises(RuntimeError), open_movie_writer(path, **settings) as writer:  # type: ignore[arg-type]
        writer.write(numbered_picture(0))
        raise RuntimeError
    with pytest.raises(BugError), open_movie_writer(path, **settings):  # type: ignore[arg-type]
        pass
    with pytest.raises(BugError), open_movie_writer(path, **settings) as writer:  # type: ignore[arg-type]
        writer.write(numbered_picture(0, 128, 64))
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_movie_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", MovieFormat.H264, [numbered_picture(1)])
    before = path.read_bytes()
    with (
        pytest.raises(RuntimeError),
        open_movie_writer(path, format=MovieFormat.H264, width=96, height=64, frame_rate=FILM) as writer,
    ):
        writer.write(numbered_picture(2))
        raise RuntimeError
    assert path.read_bytes() == before
    write(path, MovieFormat.H264, [numbered_picture(3)])
    with VideoReader(path) as reader:
        assert number_in(reader.frame_number(0)) == 3


def test_timecode_that_is_none_and_missing_folder_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a timecode"):
        write(tmp_path / "a.mov", MovieFormat.PRORES_422_HQ, [numbered_picture(1)], timecode="noon")
    with pytest.raises(UserError, match="there is no folder"):
        write(tmp_path / "gone" / "a.mov", MovieFormat.PRORES_422_HQ, [numbered_picture(1)])
    with pytest.raises(UserError, match="there is no folder"):
        write(tmp_path / "gone" / "frames", MovieFormat.PNG, [numbered_picture(1)])


WRITES_UNTIL_STOPPED = """
import os, resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from engine.media.video_writer import MovieFormat, open_movie_writer
from engine.protocol.errors import UserError
path, movie_format, limit = Path(sys.argv[1]), MovieFormat(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
generator = np.random.default_rng(0)
try:
    settings = {"format": movie_format, "width": 256, "height": 256, "frame_rate": Fraction(24)}
    with open_movie_writer(path, **settings) as writer:
        for number in range(40):
            writer.write(generator.integers(0, 256, (256, 256, 3), np.uint8))
            if not limit and number == 20:
                os.kill(os.getpid(), signal.SIGKILL)
except UserError as error:
    print(error.report.code.value, error.report.message)
    sys.exit(3)
"""


def run_writer(path: Path, movie_format: MovieFormat, limit: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRITES_UNTIL_STOPPED, str(path), movie_format.value, str(limit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
@pytest.mark.parametrize("movie_format", list(MovieFormat))
def test_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, movie_format: MovieFormat) -> None:
    limit = 100_000 if movie_format in {MovieFormat.PNG, MovieFormat.EXR} else 400_000
    ended = run_writer(tmp_path / f"a{SUFFIXES.get(movie_format, '')}", movie_format, limit)
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout.startswith("disk_full The disk is full")
    assert str(tmp_path) in ended.stdout
    assert ended.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
@pytest.mark.parametrize("movie_format", [MovieFormat.H264, MovieFormat.PNG])
def test_kill_leaves_nothing_under_the_final_name(tmp_path: Path, movie_format: MovieFormat) -> None:
    path = tmp_path / f"a{SUFFIXES.get(movie_format, '')}"
    assert run_writer(path, movie_format, 0).returncode == -signal.SIGKILL
    assert not path.exists()
    assert all(left.name.startswith(".") for left in tmp_path.iterdir())
    write(path, movie_format, [numbered_picture(1)])
    assert [left.name for left in tmp_path.iterdir()] == [path.name]
