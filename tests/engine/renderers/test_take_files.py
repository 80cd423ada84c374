"""A take never takes another take's names, and finds its own again."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.protocol.codec import encode_result
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import FileRole, RenderResult, ResultFile
from engine.protocol.regions import FaceRegion, RegionShape
from engine.protocol.render_request import CharacterInput
from engine.renderers.take_files import claim_take_files, finished_take
from engine.renderers.work_directory import (
    discard_work,
    finished_outputs,
    noted_outputs,
    remove_stale_work,
)


@pytest.fixture
def work(tmp_path):
    def make(name):
        directory = tmp_path / "work" / name
        directory.mkdir(parents=True)
        return directory

    return make


def names(files):
    return [path.name for path in files.all]


def character(name):
    region = FaceRegion(shape=RegionShape.BOX, feather=0.1, keys=())
    return CharacterInput(character_id=name, name=name, region=region)


def result_of(request, *files):
    return RenderResult(
        request_id=request.request_id,
        take_id=request.take_id,
        renderer="draft",
        seed=1,
        frame_rate=request.frame_rate,
        frame_count=5,
        width=64,
        height=64,
        has_alpha=False,
        files=files,
    )


def test_names_begin_with_the_stem(make_request, work):
    request = make_request(
        characters=(character("Anna B."), character("anna b"), character("安娜"), character("/"))
    )
    files = claim_take_files(request, work("a"))
    assert names(files)[1:] == [
        "shot.mkv",
        "shot.mp4",
        "shot.wav",
        "take.json",
        "shot_Anna_B.wav",
        "shot_anna_b_2.wav",
        "shot_安娜.wav",
        "shot_character.wav",
    ]


def test_another_take_in_the_folder_keeps_its_files(make_request, work):
    first = make_request()
    second = replace(first, request_id="second")
    third = replace(first, request_id="third")
    one = claim_take_files(first, work("a"))
    two = claim_take_files(second, work("b"))  # the first has claimed its names and written nothing yet
    assert (one.master.name, two.master.name) == ("shot.mkv", "shot_2.mkv")
    one.summary.write_text(encode_result(result_of(first)))
    three = claim_take_files(third, work("c"))
    assert (three.master.name, three.summary.name) == ("shot_3.mkv", "shot_3.take.json")


def test_a_job_finds_its_names_again(make_request, work):
    request = make_request(characters=(character("Anna"),))
    directory = work("a")
    files = claim_take_files(request, directory)
    files.master.touch()
    assert claim_take_files(request, directory) == files


def test_discarding_deletes_what_was_begun_and_nothing_else(make_request, work):
    request = make_request()
    directory = work("a")
    request.output_directory.mkdir(parents=True)
    other = request.output_directory / "other.mkv"
    other.touch()
    files = claim_take_files(request, directory)
    files.master.touch()
    discard_work(directory)
    assert list(request.output_directory.iterdir()) == [other]
    assert not directory.exists()
    discard_work(directory)


def test_discarding_deletes_what_a_killed_process_was_writing(make_request, work):
    request = make_request()
    directory = work("a")
    files = claim_take_files(request, directory)
    code = (
        "import os, pathlib, sys\n"
        "from engine.media.atomic import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as path:\n"
        "    path.write_text('half')\n"
        "    os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(files.viewing)], check=False)
    assert len(list(request.output_directory.iterdir())) == 2  # the reservation and the torn file
    discard_work(directory)
    assert list(request.output_directory.iterdir()) == []


def test_a_take_that_is_whole_is_known_again(make_request, work):
    request = make_request()
    files = claim_take_files(request, work("a"))
    assert finished_take(files, request) is None
    files.master.write_bytes(b"12345")
    file = ResultFile(role=FileRole.MASTER, name="shot.mkv", size_bytes=5)
    result = result_of(request, file)
    files.summary.write_text(encode_result(result))
    assert finished_take(files, request) == result
    assert finished_take(files, replace(request, request_id="another")) is None
    files.master.write_bytes(b"1")
    assert finished_take(files, request) is None
    files.summary.write_text("rubbish")
    assert finished_take(files, request) is None


def test_an_output_folder_that_is_a_file_is_told(make_request, work, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError) as caught:
        claim_take_files(make_request(output_directory=tmp_path / "file" / "takes"), work("a"))
    assert str(tmp_path / "file") in caught.value.report.message


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_folder_is_told(make_request, work, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UserError) as caught:
        claim_take_files(make_request(output_directory=tmp_path / "locked" / "takes"), work("a"))
    assert caught.value.report.code is ErrorCode.NOT_WRITABLE


def test_stale_work_goes_and_finished_outputs_stay(make_request, work, tmp_path):
    needed, cancelled, done = (work(name) for name in ("needed", "cancelled", "done"))
    begun = {}
    for directory in (needed, cancelled, done):
        begun[directory] = claim_take_files(make_request(), directory)
        begun[directory].master.touch()
    remove_stale_work(tmp_path / "work", needed={"needed"}, done={"done"})
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["needed"]
    assert begun[needed].master.exists()
    assert begun[done].master.exists()
    assert not begun[cancelled].master.exists()


def test_a_whole_take_is_never_deleted_whatever_its_job_is_held_for(make_request, work, tmp_path):
    request = make_request()
    directory = work("forgotten")
    files = claim_take_files(request, directory)
    files.master.write_bytes(b"12345")
    master = ResultFile(role=FileRole.MASTER, name=files.master.name, size_bytes=5)
    files.summary.write_text(encode_result(result_of(request, master)))
    remove_stale_work(tmp_path / "work", needed=(), done=())
    assert list((tmp_path / "work").iterdir()) == []
    assert sorted(path.name for path in request.output_directory.iterdir()) == ["shot.mkv", "take.json"]


def test_the_summary_of_another_take_does_not_keep_what_was_begun(make_request, work):
    request = make_request()
    directory = work("a")
    files = claim_take_files(request, directory)
    files.master.touch()
    other = ResultFile(role=FileRole.MASTER, name="other.mkv", size_bytes=5)
    files.summary.write_text(encode_result(result_of(request, other)))
    discard_work(directory)
    assert not files.master.exists()


def test_two_takes_begun_in_one_folder_do_not_share_a_summary(make_request, work):
    first = make_request()
    one = claim_take_files(first, work("a"))
    two = claim_take_files(replace(first, request_id="second"), work("b"))
    assert (one.summary.name, two.summary.name) == ("take.json", "shot_2.take.json")


def test_files_of_a_take_that_are_whole_are_counted(make_request, work):
    directory = work("a")
    assert finished_outputs(directory) == 0
    files = claim_take_files(make_request(), directory)
    assert finished_outputs(directory) == 0
    files.master.touch()
    files.mix.touch()
    assert finished_outputs(directory) == 2


@pytest.mark.parametrize("letter", ["x", "ü", "安", "😀"])
def test_no_name_is_longer_than_a_disk_takes(make_request, work, letter):
    characters = (character(letter * 90), character(letter * 91), character("Anna"))
    request = make_request(file_stem=letter * 128, characters=characters)
    for number in range(3):
        files = claim_take_files(replace(request, request_id=str(number)), work(str(number)))
        assert len(set(files.all)) == 8
        for path in files.all:
            assert len(path.name.encode()) <= 255
            path.touch()


def test_an_output_folder_that_takes_no_files_is_told(make_request, work, tmp_path):
    folder = Path("/proc/takes") if sys.platform == "linux" else tmp_path / ("x" * 300)
    with pytest.raises(UserError) as caught:
        claim_take_files(make_request(output_directory=folder), work("a"))
    assert caught.value.report.code in {ErrorCode.NOT_WRITABLE, ErrorCode.BAD_INPUT}


def test_a_folder_name_that_is_too_long_is_told(make_request, work, tmp_path):
    with pytest.raises(UserError) as caught:
        claim_take_files(make_request(output_directory=tmp_path / ("安" * 200)), work("a"))
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert "too long" in caught.value.report.message


def test_notes_that_cannot_be_read_name_nothing(work):
    directory = work("a")
    (directory / "outputs.json").write_text('["/unfinish')
    assert noted_outputs(directory) == ()
    discard_work(directory)
