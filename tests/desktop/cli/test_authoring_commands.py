"""Building a project from the command line."""

import json
import subprocess
import sys

import pytest

from desktop.cli import machine_checks
from desktop.cli.command_table import COMMANDS
from desktop.cli.main import load_command, run


def test_the_command_table_says_what_the_commands_say():
    for entry in COMMANDS:
        assert load_command(entry).help.splitlines()[0] == entry.help


def test_help_of_one_command_names_its_options(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert run(["drive", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--loop" in out
    assert "ping-pong" in out


def test_a_shot_is_built_step_by_step(masque, duet, samples):
    placed = masque(
        "drive",
        duet,
        "Duet",
        "Ada",
        samples / "driver_smile.mp4",
        "--in",
        0.5,
        "--out",
        2.5,
        "--at",
        12,
        "--speed",
        "0.5",
    )
    assert placed["clip"]["start_frame"] == 12
    assert placed["clip"]["length_frames"] == 96
    voice = masque("voice", duet, "Duet", "Bruno", samples / "voice.wav", "--at", 6, "--gain", -3)
    assert voice["clip"]["gain_db"] == -3
    curve = masque("curve", duet, "Duet", "Ada", "mouth", "24:1.4", "0:0.5:bezier")
    assert [key["frame"] for key in curve["keys"]] == [0, 24]
    info = masque("info", duet)
    scene = info["scenes"][0]["scene"]
    assert [character["name"] for character in scene["characters"]] == ["Ada", "Bruno"]
    assert scene["characters"][0]["curves"][0]["channel"] == "mouth"
    assert info["scenes"][0]["frames"] >= 108
    assert info["missing_media"] == []


def test_two_faces_are_found_and_taken_from_the_left(masque, duet):
    found = masque("faces", duet, "Duet")["faces"]
    assert [face["number"] for face in found] == [1, 2]
    characters = masque("character", "list", duet, "Duet")["characters"]
    lefts = [character["region"]["keys"][0]["box"]["x"] for character in characters]
    assert lefts == sorted(lefts)


def test_a_looping_clip_fills_the_scene(masque, duet, samples):
    masque("scene", "set", duet, "Duet", "--frames", 240)
    placed = masque(
        "drive", duet, "Duet", "Ada", samples / "driver_smile.mp4", "--loop", "ping-pong", "--at", 40
    )
    assert placed["clip"]["length_frames"] == 200


def test_a_region_can_be_given_in_pixels(masque, duet):
    added = masque("character", "add", duet, "Duet", "Cat", "--region", "640,180,128,180", "--box")
    assert added["region"] == "0.500,0.250,0.100,0.250"


def test_a_curve_is_shown_without_keys_and_removed_on_demand(masque, duet):
    masque("curve", duet, "Duet", "Ada", "eyes", "0:0.2")
    assert len(masque("curve", duet, "Duet", "Ada", "eyes")["keys"]) == 1
    masque("curve", duet, "Duet", "Ada", "eyes", "--clear")
    assert masque("character", "list", duet, "Duet")["characters"][0]["curves"] == []


def test_the_same_file_is_one_asset(masque, duet, samples):
    masque("drive", duet, "Duet", "Ada", samples / "driver_smile.mp4")
    masque("drive", duet, "Duet", "Bruno", samples / "driver_smile.mp4")
    media = list((duet.parent / "night media").iterdir())
    assert sorted(path.name for path in media) == ["driver_smile.mp4", "duet.png"]


def test_media_by_reference_stays_where_it_is(masque, tmp_path, samples):
    project = tmp_path / "by reference.masque"
    masque("new", project, "--fps", "23.976")
    masque("scene", "add", project, samples / "duet.png", "--by-reference")
    assert not (tmp_path / "by reference media" / "duet.png").exists()
    assert masque("info", project)["project"]["frame_rate"] == "24000/1001"


def test_moved_media_is_found_by_content(masque, duet, tmp_path):
    media = duet.parent / "night media" / "duet.png"
    moved = tmp_path / "elsewhere" / "renamed.png"
    moved.parent.mkdir()
    media.rename(moved)
    assert [asset["name"] for asset in masque("info", duet)["missing_media"]] == ["duet.png"]
    answer = masque("relink", duet, tmp_path / "elsewhere")
    assert [asset["name"] for asset in answer["found"]] == ["duet.png"]
    assert answer["missing"] == []


def test_a_version_is_saved_listed_and_restored(masque, duet, tmp_path):
    masque("version", "save", duet, "before the cut")
    masque("character", "remove", duet, "Duet", "Ada")
    versions = masque("version", "list", duet)["versions"]
    assert versions[0]["name"] == "before the cut"
    masque("version", "restore", duet, versions[0]["name"], tmp_path / "again.masque")
    names = [c["name"] for c in masque("character", "list", tmp_path / "again.masque", "Duet")["characters"]]
    assert names == ["Ada", "Bruno"]


def test_a_damaged_project_is_recovered(masque, refused, duet):
    masque("version", "save", duet, "good")
    duet.write_bytes(b"damaged" * 1000)
    error = refused("info", duet)
    assert "recover" in error["next_step"]
    masque("recover", duet)
    assert len(masque("character", "list", duet, "Duet")["characters"]) == 2
    kept = [path for path in duet.parent.iterdir() if path.is_file() and path != duet]
    assert any(path.read_bytes().startswith(b"damaged") for path in kept)


def test_a_scene_is_renamed_and_removed_with_a_way_back(masque, duet):
    masque("scene", "set", duet, "Duet", "--name", "Café")
    masque("scene", "remove", duet, "Café")
    assert masque("scene", "list", duet)["scenes"] == []
    assert len(masque("version", "list", duet)["versions"]) == 1


def test_doctor_finds_this_machine_fit(masque):
    verdicts = {check["name"]: check["verdict"] for check in masque("doctor")["checks"]}
    assert verdicts["Video codecs"] == verdicts["Face finder"] == "good"
    assert verdicts["Graphics card"] in {"good", "warning"}
    assert verdicts["Memory limit"] == "good"


@pytest.mark.parametrize("limit", ["rubbish", "0", "-3GB", "10"])
def test_doctor_finds_a_memory_limit_that_every_render_would_fail_by(limit, monkeypatch):
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", limit)
    found = machine_checks.memory_limit_check()
    assert found.verdict is machine_checks.Verdict.FAILED
    assert found.found == f"MASQUE_DEVICE_MEMORY: '{limit}' is no size of a memory."
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", "20MB")
    assert machine_checks.memory_limit_check().found == "20.0 MB (MASQUE_DEVICE_MEMORY)"


def test_the_installed_program_answers_like_the_module():
    run_ = subprocess.run(
        [sys.executable, "-m", "desktop", "engine", "status", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run_.stdout) == {"running": False}


def test_clips_are_listed_and_removed(masque, refused, duet, samples):
    masque("drive", duet, "Duet", "Ada", samples / "driver_smile.mp4", "--at", 30)
    masque("voice", duet, "Duet", "Ada", samples / "voice.wav")
    listed = masque("clips", "list", duet, "Duet", "Ada")["clips"]
    assert [clip["file"] for clip in listed] == ["voice.wav", "driver_smile.mp4"]
    assert masque("clips", "remove", duet, "Duet", "Ada", 1)["removed"] == "voice.wav"
    refused("clips", "remove", duet, "Duet", "Ada", 2)
    assert len(masque("clips", "list", duet, "Duet", "Ada")["clips"]) == 1


def test_the_version_is_told(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("masque ")


def test_a_face_that_cannot_be_seen_in_the_clip_is_a_word_of_warning(masque, duet, samples):
    clip = samples / "driver_smile.mp4"
    assert masque("drive", duet, "Duet", "Ada", clip)["warning"] is None
    assert "only one face" in masque("drive", duet, "Duet", "Bruno", clip, "--face", 2)["warning"]
