"""Bad input on the command line: one clear sentence, a next step, exit code 1, and nothing is lost."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from desktop.cli.main import run
from engine.media.opencv import cv2


@pytest.fixture
def rubbish(tmp_path, samples) -> Path:
    """A folder of stills and clips as they should not be."""
    folder = tmp_path / "rubbish"
    folder.mkdir()
    (folder / "empty.png").write_bytes(b"")
    (folder / "truncated.png").write_bytes((samples / "duet.png").read_bytes()[:20_000])
    (folder / "truncated.mp4").write_bytes((samples / "driver_smile.mp4").read_bytes()[:3_000])
    (folder / "renamed.png").write_bytes((samples / "driver_smile.mp4").read_bytes())
    (folder / "notes.png").write_text("shopping list")
    (folder / "notes.wav").write_text("shopping list")
    (folder / "folder.png").mkdir()
    cv2.imwrite(str(folder / "pixel.png"), np.zeros((1, 1, 3), np.uint8))
    cv2.imwrite(str(folder / "huge.png"), np.zeros((40, 20_000, 3), np.uint8))
    cv2.imwrite(str(folder / "faceless.png"), np.full((300, 400, 3), 90, np.uint8))
    return folder


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """The folder of an engine that runs until these tests end."""
    home = tmp_path_factory.mktemp("engine")
    environment = {**os.environ, "MASQUE_HOME": str(home)}
    command = [sys.executable, "-m", "desktop", "engine"]
    subprocess.run([*command, "start"], check=True, capture_output=True, env=environment)
    yield home
    subprocess.run([*command, "stop"], check=True, capture_output=True, env=environment)


@pytest.fixture
def engine_of_these_tests(shared_home, monkeypatch):
    """Let a test use that engine; it has to leave the queue as it was."""
    monkeypatch.setenv("MASQUE_HOME", str(shared_home))


@pytest.mark.parametrize(
    "name",
    [
        "missing.png",
        "empty.png",
        "truncated.png",
        "renamed.png",
        "notes.png",
        "folder.png",
        "pixel.png",
        "huge.png",
    ],
)
def test_a_still_that_cannot_be_a_plate_is_refused_and_adds_nothing(refused, masque, duet, rubbish, name):
    error = refused("scene", "add", duet, rubbish / name)
    assert name in error["message"] + error["next_step"]
    assert len(masque("scene", "list", duet)["scenes"]) == 1
    assert not (duet.parent / "night media" / name).exists()


@pytest.mark.parametrize("name", ["missing.mp4", "truncated.mp4", "notes.wav"])
def test_a_driver_that_cannot_be_played_is_refused(refused, duet, rubbish, name):
    refused("drive", duet, "Duet", "Ada", rubbish / name)


def test_a_sound_file_cannot_drive_and_a_still_cannot_speak(refused, duet, samples):
    assert "voice" in refused("drive", duet, "Duet", "Ada", samples / "voice.wav")["next_step"]
    assert "no sound" in refused("voice", duet, "Duet", "Ada", samples / "duet.png")["message"]


def test_a_plate_without_faces_asks_for_a_region(refused, masque, duet, rubbish):
    masque("scene", "add", duet, rubbish / "faceless.png", "--name", "Wall")
    assert masque("faces", duet, "Wall")["faces"] == []
    assert "--region" in refused("character", "add", duet, "Wall", "Nobody", "--face", 1)["next_step"]
    assert "--region" in refused("character", "add", duet, "Wall", "Nobody")["next_step"]


@pytest.mark.parametrize(
    "region",
    [
        "0.9,0.9,0.3,0.3",
        "-0.1,0,0.2,0.2",
        "0.1,0.1,0,0.2",
        "1,2,3",
        "1.2,0,0.2,0.2",
        "a,b,c,d",
        "nan,0,0.1,0.1",
        "0.5,0.5,0.001,0.001",
    ],
)
def test_a_region_outside_the_plate_or_unreadable_is_refused(refused, duet, region):
    refused("character", "add", duet, "Duet", "Ghost", f"--region={region}")


@pytest.mark.parametrize(
    "options",
    [
        ("--in", "-1"),
        ("--in", "2", "--out", "1"),
        ("--out", "100"),
        ("--at", "-5"),
        ("--speed", "0"),
        ("--speed", "fast"),
        ("--face", "0"),
        ("--in", "soon"),
        ("--length", "0"),
        ("--neutral", "99"),
        ("--loop", "sideways"),
    ],
)
def test_trims_and_places_out_of_range_are_refused(refused, duet, samples, options):
    refused("drive", duet, "Duet", "Ada", samples / "driver_smile.mp4", *options)


@pytest.mark.parametrize("keys", [["x:1"], ["0:9"], ["-4:1"], ["0:1", "0:2"], ["0:1:wavy"], ["0:nan"]])
def test_curve_keys_that_make_no_sense_are_refused(refused, duet, keys):
    refused("curve", duet, "Duet", "Ada", "mouth", "--", *keys)


def test_unknown_names_are_answered_with_those_there_are(refused, duet, samples):
    assert "Duet" in str(refused("faces", duet, "Duo"))
    assert "Ada" in str(refused("curve", duet, "Duet", "Eve", "mouth", "0:1"))
    assert "mouth" in str(refused("curve", duet, "Duet", "Ada", "ears", "0:1"))


def test_names_are_taken_once(refused, duet, samples):
    assert "Ada" in str(refused("character", "add", duet, "Duet", "Ada", "--region", "0.1,0.1,0.2,0.2"))
    assert "Duet" in str(refused("scene", "add", duet, samples / "duet.png", "--name", "Duet"))


@pytest.mark.parametrize(
    "options",
    [
        ("--frames", "0"),
        ("--frames", "-3"),
        ("--size", "huge"),
        ("--size", "1281x720"),
        ("--size", "2x2"),
        ("--seed", "-1"),
        ("--quality", "best"),
        ("--quality", "diffusion"),
        ("--steps", "4"),
        ("--takes", "0"),
        ("--takes", "1000"),
        ("--output", "/dev/null/takes"),
    ],
)
def test_render_settings_out_of_range_are_refused_before_queueing(
    refused, masque, engine_of_these_tests, duet, options
):
    refused("render", duet, *options)
    assert masque("queue", "list")["jobs"] == []
    assert masque("takes", duet)["takes"] == []


def test_projects_that_are_none_are_refused(refused, tmp_path, samples, duet):
    refused("info", tmp_path / "missing.masque")
    refused("new", duet)
    refused("new", tmp_path / "night.mp4")
    refused("new", tmp_path / "no such folder" / "night.masque")
    refused("new", tmp_path / "fast.masque", "--fps", "0")
    refused("new", tmp_path / "odd.masque", "--fps", "film")
    picture = tmp_path / "picture.masque"
    picture.write_bytes((samples / "duet.png").read_bytes())
    refused("info", picture)
    empty = tmp_path / "empty.masque"
    empty.touch()
    refused("info", empty)
    assert picture.read_bytes() == (samples / "duet.png").read_bytes()


def test_a_wrong_command_line_is_exit_code_two(capsys):
    assert run(["drive"]) == 2
    assert run(["nonsense"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("drive",), ("nonsense",), ("render", "x", "--frames", "many")])
def test_a_script_reads_a_wrong_command_line_as_json(capsys, arguments):
    assert run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_a_fault_of_masque_is_one_sentence_and_a_file(monkeypatch, capsys):
    def fail(_entry):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("desktop.cli.main.load_command", fail)
    assert run(["info", "x"]) == 70
    told = capsys.readouterr().err
    assert "Traceback" not in told
    log = Path(told.split("with the file ")[1].strip().rstrip("."))
    assert "ZeroDivisionError" in log.read_text()
    log.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no write permission of this kind there")
def test_a_read_only_folder_is_said():
    """As root nothing is read-only, so the process becomes another user once everything is imported."""
    program = (
        "import os, sys; from desktop.cli.main import run\n"
        "assert run(['new', sys.argv[1]]) == 0\n"
        "os.geteuid() or os.setuid(65534)\n"
        "sys.exit(run(['new', sys.argv[2]]))"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (locked := Path(folder) / "locked").mkdir(mode=0o555)
        command = [
            sys.executable,
            "-c",
            program,
            str(Path(folder) / "warm.masque"),
            str(locked / "night.masque"),
        ]
        run_ = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run_.returncode == 1, run_.stderr
        assert "locked" in run_.stderr
        assert "Traceback" not in run_.stderr
        assert list(locked.iterdir()) == []
