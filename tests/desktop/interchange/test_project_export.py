"""A whole export: real masters in, media for an editing tool out; all of it or nothing."""

import csv
import hashlib
import os
import signal
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from desktop.interchange.project_export import ExportSettings, export_project
from engine.media.audio_reader import read_audio
from engine.media.opencv import cv2
from engine.media.probe import probe_media
from engine.media.video_reader import VideoReader
from engine.media.video_writer import MovieFormat
from engine.protocol.errors import ErrorCode, UserError

if sys.platform != "win32":
    import resource

PRORES = ExportSettings(movie_format=MovieFormat.PRORES_422_HQ)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("movie_format", "suffix", "codec"),
    [
        (MovieFormat.H264, ".mp4", "h264"),
        (MovieFormat.PRORES_422_HQ, ".mov", "prores"),
        (MovieFormat.PRORES_4444, ".mov", "prores"),
    ],
)
def test_a_movie_shows_every_frame_at_its_time_with_its_sound(
    cinema_project, tmp_path, movie_format, suffix, codec
):
    cinema_project.take(cinema_project.scene("Duet"), frames=12)
    exported = export_project(
        cinema_project.store, tmp_path / "out", ExportSettings(movie_format=movie_format)
    )
    movie = tmp_path / "out" / f"Cinema_Duet_take01{suffix}"
    assert exported.files[0] == movie
    probe = probe_media(movie)
    assert (probe.video_codec, probe.frame_rate, probe.frame_count) == (codec, Fraction(24000, 1001), 12)
    assert probe.audio_codec is not None
    with VideoReader(movie) as reader:
        levels = [float(reader.frame_number(number)[30:, 30:].mean()) for number in range(12)]
    assert np.allclose(levels, [40 + 12 * number for number in range(12)], atol=3)
    heard = read_audio(movie, sample_rate=48_000, end_s=Fraction(12 * 1001, 24000))
    meant = read_audio(
        tmp_path / "out" / "Cinema_Duet_take01_mix.wav", sample_rate=48_000, end_s=Fraction(12 * 1001, 24000)
    )
    assert len(heard) == len(meant) == 24024
    assert np.abs(heard - meant).max() < 0.05


def test_the_folder_holds_movies_stems_shot_list_and_edit(project, tmp_path):
    project.take(project.scene("Duet"), stems=("Ada", "mix"))
    exported = export_project(project.store, tmp_path / "out", PRORES)
    assert names_in(tmp_path / "out") == [
        "Night-shoot_Duet_take01.mov",
        "Night-shoot_Duet_take01_Ada.wav",
        "Night-shoot_Duet_take01_mix-2.wav",
        "Night-shoot_Duet_take01_mix.wav",
        "shot_list.csv",
        "timeline.otio",
    ]
    assert sorted(path.name for path in exported.files) == names_in(tmp_path / "out")
    assert all(path.is_absolute() and path.exists() for path in exported.files)


def test_stems_are_the_takes_own_sounds_bit_for_bit(project, tmp_path):
    project.take(project.scene("Duet"), stems=("Ada",))
    export_project(project.store, tmp_path / "out", PRORES)
    (stem,) = project.store.renders_folder.rglob("0.wav")
    assert (tmp_path / "out" / "Night-shoot_Duet_take01_Ada.wav").read_bytes() == stem.read_bytes()


def test_the_edit_leads_to_files_that_exist_and_are_as_long_as_it_says(project, tmp_path):
    for name, frames in (("First", 6), ("Second", 9)):
        project.take(project.scene(name), frames=frames, stems=("Ada",))
    export_project(project.store, tmp_path / "out", PRORES)
    timeline = otio.adapters.read_from_file(str(tmp_path / "out" / "timeline.otio"))
    assert timeline.duration().to_frames() == 15
    clips = list(timeline.find_clips())
    assert len(clips) == 6
    for clip in clips:
        probe = probe_media(tmp_path / "out" / clip.media_reference.target_url)
        assert probe.duration_s == pytest.approx(clip.duration().to_seconds(), abs=1e-4)


def test_the_shot_list_tells_where_each_shot_lies_and_what_it_weighs(project, tmp_path):
    for name, frames in (("First", 6), ("Sec,ond", 9)):
        project.take(project.scene(name), frames=frames, seed=frames)
    export_project(project.store, tmp_path / "out", PRORES)
    with (tmp_path / "out" / "shot_list.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["first_frame"], first["frames"], second["first_frame"]) == ("0", "6", "6")
    assert (second["scene"], second["seed"], second["frame_rate"]) == ("Sec,ond", "9", "24/1")
    movie = (tmp_path / "out" / second["picture"]).read_bytes()
    assert second["sha256"] == hashlib.sha256(movie).hexdigest()


def test_an_image_sequence_with_alpha_keeps_it(project, tmp_path):
    project.take(project.scene("Ghost"), frames=3, alpha=True)
    exported = export_project(project.store, tmp_path / "out", ExportSettings(movie_format=MovieFormat.PNG))
    (clip, *_) = otio.adapters.read_from_file(str(tmp_path / "out" / "timeline.otio")).find_clips()
    for number in range(3):
        url = clip.media_reference.target_url_for_image_number(number)
        image = cv2.imread(str(tmp_path / "out" / url), cv2.IMREAD_UNCHANGED)
        assert image.shape == (48, 64, 4)
        assert set(np.unique(image[..., 3])) == {64, 255}
        assert image[40, 50, 0] == 40 + 12 * number
    assert exported.files[0] == tmp_path / "out" / "Night-shoot_Ghost_take01"
    assert len(list(exported.files[0].iterdir())) == 3


def test_prores_4444_keeps_alpha(project, tmp_path):
    project.take(project.scene("Ghost"), frames=2, alpha=True)
    settings = ExportSettings(movie_format=MovieFormat.PRORES_4444)
    exported = export_project(project.store, tmp_path / "out", settings)
    assert exported.warnings == ()
    with VideoReader(exported.files[0]) as reader:
        alpha = reader.bgra_frame_number(0)[..., 3]
    assert abs(int(alpha[24, 10]) - 64) <= 1 and alpha[24, 50] == 255


def test_a_sequence_leaves_its_sound_to_the_mix_beside_it(project, tmp_path):
    project.take(project.scene("Duet"), frames=3)
    settings = ExportSettings(movie_format=MovieFormat.PNG, stems=False)
    export_project(project.store, tmp_path / "out", settings)
    assert "Night-shoot_Duet_take01_mix.wav" in names_in(tmp_path / "out")
    assert {path.suffix for path in (tmp_path / "out" / "Night-shoot_Duet_take01").iterdir()} == {".png"}
    timeline = otio.adapters.read_from_file(str(tmp_path / "out" / "timeline.otio"))
    assert [track.name for track in timeline.audio_tracks()] == ["Mix"]


def test_an_exr_sequence_is_written_whole(project, tmp_path):
    project.take(project.scene("Ghost"), frames=2, alpha=True)
    exported = export_project(project.store, tmp_path / "out", ExportSettings(movie_format=MovieFormat.EXR))
    assert [path.suffix for path in sorted(exported.files[0].iterdir())] == [".exr", ".exr"]


def test_a_movie_that_cannot_keep_alpha_shows_black_and_says_so(project, tmp_path):
    project.take(project.scene("Ghost"), frames=2, alpha=True)
    exported = export_project(project.store, tmp_path / "out", ExportSettings(movie_format=MovieFormat.H264))
    (warning,) = exported.warnings
    assert warning.startswith("Take 1 of “Ghost” is partly transparent, which h264 cannot keep")
    with VideoReader(exported.files[0]) as reader:
        shown = reader.frame_number(1)[24]
    assert shown[10].mean() == pytest.approx(52 * 64 / 255, abs=4)
    assert shown[50].mean() == pytest.approx(52, abs=4)


def test_a_silent_take_becomes_a_movie_without_sound(project, tmp_path):
    project.take(project.scene("Quiet"), frames=3, sound=False)
    exported = export_project(project.store, tmp_path / "out", PRORES)
    assert probe_media(exported.files[0]).audio_codec is None
    assert names_in(tmp_path / "out") == ["Night-shoot_Quiet_take01.mov", "shot_list.csv", "timeline.otio"]


def test_the_characters_sounds_and_the_edit_can_be_left_out(project, tmp_path):
    project.take(project.scene("Duet"))
    settings = ExportSettings(movie_format=MovieFormat.H264, stems=False, timeline=None)
    export_project(project.store, tmp_path / "out", settings)
    assert names_in(tmp_path / "out") == [
        "Night-shoot_Duet_take01.mp4",
        "Night-shoot_Duet_take01_mix.wav",
        "shot_list.csv",
    ]


@pytest.mark.parametrize("movie_format", [MovieFormat.PRORES_422_HQ, MovieFormat.PNG])
def test_an_export_never_replaces_files_unasked_and_does_when_asked(project, tmp_path, movie_format):
    project.take(project.scene("Duet"), frames=3)
    out, settings = tmp_path / "out", ExportSettings(movie_format=movie_format)
    export_project(project.store, out, settings)
    (out / "mine.txt").write_text("kept")
    before = contents_of(out)
    with pytest.raises(UserError, match=r"export's files are already in .* overwriting allowed") as failure:
        export_project(project.store, out, settings)
    assert failure.value.report.code is ErrorCode.FILE_EXISTS
    assert contents_of(out) == before
    export_project(project.store, out, ExportSettings(movie_format=movie_format, overwrite=True))
    assert sorted(contents_of(out)) == sorted(before)
    assert (out / "mine.txt").read_text() == "kept"


def test_a_shorter_sequence_leaves_no_frames_of_the_longer_one_it_replaces(project, tmp_path):
    scene = project.scene("Duet")
    project.take(scene, frames=5)
    out = tmp_path / "out"
    export_project(project.store, out, ExportSettings(movie_format=MovieFormat.PNG))
    stale = out / "Night-shoot_Duet_take01" / "Night-shoot_Duet_take01.000099.png"
    stale.write_bytes(b"old")
    export_project(project.store, out, ExportSettings(movie_format=MovieFormat.PNG, overwrite=True))
    assert not stale.exists()
    assert len(list((out / "Night-shoot_Duet_take01").iterdir())) == 5


def test_two_files_of_one_name_are_refused_before_anything_is_written(project, tmp_path):
    project.take(project.scene("S"), frames=2, stems=("x_take01_mix",))
    project.take(project.scene("S_take01_x"), frames=2, stems=())
    with pytest.raises(UserError, match=r"would be called Night-shoot_S_take01_x_take01_mix\.wav\. Rename"):
        export_project(project.store, tmp_path / "out", PRORES)
    assert not (tmp_path / "out").exists()


def test_an_export_stopped_halfway_leaves_nothing_and_no_folder_it_made(project, tmp_path):
    for name in ("First", "Second"):
        project.take(project.scene(name), frames=4)
    seen = []

    def stop_in_the_second(progress):
        seen.append((progress.shot.scene_name, progress.frames_done, progress.frame_count))
        if progress.frames_done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_project(project.store, tmp_path / "a" / "b", PRORES, on_progress=stop_in_the_second)
    assert not (tmp_path / "a").exists()
    assert seen == [("First", n, 8) for n in (1, 2, 3, 4)] + [("Second", n, 8) for n in (5, 6)]


def test_a_stopped_overwrite_leaves_the_earlier_export_as_it_was(project, tmp_path):
    project.take(project.scene("Duet"), frames=4)
    export_project(project.store, tmp_path / "out", PRORES)
    before = contents_of(tmp_path / "out")

    def stop(_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_project(project.store, tmp_path / "out", ExportSettings(overwrite=True), on_progress=stop)
    assert contents_of(tmp_path / "out") == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("movie_format", [MovieFormat.PRORES_422_HQ, MovieFormat.PNG])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(project, tmp_path, movie_format):
    project.take(project.scene("Duet"), frames=8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(UserError) as failure:
            export_project(project.store, tmp_path / "out", ExportSettings(movie_format=movie_format))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert failure.value.report.code is ErrorCode.DISK_FULL
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder nobody may write to")
def test_a_folder_that_may_not_be_written_to_is_named(project):
    project.take(project.scene("Duet"), frames=2)
    with pytest.raises(UserError, match="Choose another folder") as failure:
        export_project(project.store, Path("/sys/kernel/export"), PRORES)
    assert failure.value.report.code is ErrorCode.NOT_WRITABLE


def test_a_file_in_place_of_the_folder_is_refused(project, tmp_path):
    project.take(project.scene("Duet"), frames=2)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="out is a file, not a folder"):
        export_project(project.store, tmp_path / "out", PRORES)
    with pytest.raises(UserError, match="out is a file, not a folder"):
        export_project(project.store, tmp_path / "out" / "deeper", PRORES)


def test_a_cut_master_is_refused_and_leaves_nothing(project, tmp_path):
    project.take(project.scene("Duet"), frames=8)
    master = next(project.store.renders_folder.rglob("master.mkv"))
    master.write_bytes(master.read_bytes()[: master.stat().st_size * 2 // 3])
    with pytest.raises(UserError, match=r"master\.mkv") as failure:
        export_project(project.store, tmp_path / "out", PRORES)
    assert failure.value.report.code is ErrorCode.FILE_UNREADABLE
    assert not (tmp_path / "out").exists()


def test_what_a_killed_export_left_behind_is_cleared_away_later(project, tmp_path):
    project.take(project.scene("Duet"), frames=2)
    out = tmp_path / "out"
    old, running = out / ".masque-export-0000.part", out / ".masque-export-1111.part"
    for folder in (old, running):
        folder.mkdir(parents=True)
        (folder / "movie.mov").write_bytes(b"half")
    os.utime(old, (0, 0))
    export_project(project.store, out, PRORES)
    assert not old.exists()
    assert running.exists()
