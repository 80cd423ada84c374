"""`masque models`: make a test bundle, add it, list it, verify it, forget it; and what can go wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from desktop.authoring.model_bundles import add_model
from desktop.cli.main import run
from engine.protocol.errors import ErrorCode, UserError
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a test bundle once, by the command."""
    folder = tmp_path_factory.mktemp("models") / "bundle"
    assert run(["models", "make-test-bundle", str(folder), "--seed", "5", "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def home_with_bundle(made, tmp_path_factory):
    """Add the bundle once, by the command, to a home of its own; return what it said, and the home."""
    home = tmp_path_factory.mktemp("added")
    command = [sys.executable, "-m", "desktop", "models", "add", str(made), "--json"]
    environment = {**os.environ, "MASQUE_HOME": str(home)}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(told.stdout), home


@pytest.fixture
def added(home_with_bundle, masque_home):
    """Let the test's own home know the bundle; return what adding it said."""
    answer, home = home_with_bundle
    shutil.copytree(home, masque_home, dirs_exist_ok=True)
    return answer


@pytest.fixture
def bundle(added, made, masque_home, tmp_path):
    """Return a copy of the bundle of the test's own, added."""
    folder = tmp_path / "bundle"
    shutil.copytree(made, folder)
    registry = masque_home / "data" / "models.json"
    registry.write_text(registry.read_text().replace(str(made), str(folder)))
    return folder


def text_of(capsys, *arguments):
    """Return what a person reads, spaces and line ends as one space."""
    capsys.readouterr()
    assert run([str(each) for each in arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_fresh_machine_says_what_is_needed(masque, capsys):
    answer = masque("models", "list")
    assert answer["installed"] == []
    (known,) = answer["not_installed"]
    assert {"part": "vae", "required": True, "wanted": "the folder vae"}.items() <= next(
        part for part in known["parts"] if part["part"] == "vae"
    ).items()
    text = text_of(capsys, "models", "list")
    assert "No model bundle is installed" in text
    assert "fantasyportrait_model.ckpt acvlab/FantasyPortrait" in text


def test_an_added_test_bundle_is_listed_with_what_it_can_and_cannot_do(added, masque, made, capsys):
    assert (added["name"], added["random_weights"]) == ("test", True)
    assert added["folder"] == str(made)
    assert added["capabilities"] == ["clip_driven", "voice_driven"]
    assert added["voice_frame_rate"] == "23"
    assert {each["capability"] for each in added["unavailable"]} == {"identity", "motion_intensity"}
    assert added["size_bytes"] == sum(
        path.stat().st_size for path in made.rglob("*") if path.is_file() and path.name != "bundle.toml"
    )
    listed = masque("models", "list")
    assert listed["installed"] == [added]
    assert [known["name"] for known in listed["not_installed"]] == ["fantasy-14b"]
    text = text_of(capsys, "models", "list")
    assert "what they render is noise" in text
    assert "at 23 frames a second" in text
    assert "no weights of the identity module are published" in text


def test_a_removed_bundle_is_forgotten_and_keeps_its_files(added, masque, made):
    assert masque("models", "remove", "test") == {"removed": "test", "folder": str(made)}
    assert masque("models", "list")["installed"] == []
    assert (made / "pd_fpg.pth").exists()


def test_changed_files_are_shown_and_verified_anew(bundle, masque, capsys):
    os.utime(bundle / "pd_fpg.pth")
    config = bundle / "wav2vec2-base-960h" / "config.json"
    config.write_text(config.read_text() + "\n")
    (listed,) = masque("models", "list")["installed"]
    assert set(listed["changed_files"]) == {str(bundle / "pd_fpg.pth"), str(config)}
    assert "masque models verify test" in text_of(capsys, "models", "list")
    text = text_of(capsys, "models", "verify")
    assert "test: all" in text
    assert "config.json is not the file that was added" in text
    assert "pd_fpg" not in text
    assert masque("models", "list")["installed"][0]["changed_files"] == []


def test_a_bundle_whose_disk_is_gone_is_told_in_a_line(bundle, masque, capsys):
    bundle.rename(bundle.with_name("elsewhere"))
    (listed,) = masque("models", "list")["installed"]
    assert len(listed["changed_files"]) > 10
    text = text_of(capsys, "models", "list")
    assert "its folder is not there" in text
    assert text.count(str(bundle)) == 1


def test_many_changed_files_are_not_all_listed_to_a_person(bundle, capsys):
    for path in bundle.rglob("*.json"):
        os.utime(path, ns=(1, 1))
    text = text_of(capsys, "models", "list")
    assert text.count(f"changed {bundle}") == 3
    assert "more Check the bundle with" in text


def test_a_damaged_file_fails_the_check_and_the_record_stays(bundle, masque, capsys):
    path = bundle / "fantasytalking_model.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    capsys.readouterr()
    assert run(["models", "verify", "--json"]) == 1
    (answer,) = json.loads(capsys.readouterr().out)["verified"]
    assert (answer["name"], answer["error"]["code"]) == ("test", "file_unreadable")
    assert "fantasytalking_model.ckpt" in answer["error"]["message"]
    (listed,) = masque("models", "list")["installed"]
    assert listed["changed_files"] == [str(path)]


@pytest.mark.skipif(sys.platform == "win32", reason="a crash is a signal on POSIX only")
def test_a_file_that_crashes_its_reader_is_named(bundle, masque_home):
    def crash(progress):
        for child in children_of(os.getpid()):
            if "engine.weights" in child.cmdline():
                child.send_signal(signal.SIGSEGV)

    before = (masque_home / "data" / "models.json").read_bytes()
    with pytest.raises(UserError, match="most likely damaged") as error:
        add_model(masque_home / "data", bundle, name=None, on_progress=crash)
    assert error.value.report.code is ErrorCode.FILE_UNREADABLE
    assert (masque_home / "data" / "models.json").read_bytes() == before


def test_a_folder_that_is_not_there_is_refused_at_once(refused, tmp_path):
    error = refused("models", "add", tmp_path / "nowhere")
    assert (error["code"], str(tmp_path / "nowhere") in error["message"]) == ("file_missing", True)


def test_a_folder_that_lacks_a_part_is_refused_at_once(bundle, refused):
    shutil.rmtree(bundle / "text_encoder")
    error = refused("models", "add", bundle)
    assert error["code"] == "file_missing"
    assert "the folder text_encoder" in error["message"]


def test_a_name_that_another_folder_has_is_refused(added, made, refused, tmp_path):
    shutil.copytree(made, tmp_path / "other")
    error = refused("models", "add", tmp_path / "other")
    assert "already installed" in error["message"]
    assert "--name" in error["next_step"]


def test_a_bad_name_and_an_unknown_one_are_refused(refused, made):
    assert "name" in refused("models", "add", made, "--name", "a/b")["message"]
    assert refused("models", "remove", "nothing")["code"] == "renderer_unavailable"
    assert refused("models", "verify", "nothing")["code"] == "renderer_unavailable"


def test_a_test_bundle_never_writes_into_a_folder_with_files(refused, tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    error = refused("models", "make-test-bundle", tmp_path)
    assert error["code"] == "file_exists"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_nothing_to_verify_is_said(masque, capsys):
    assert masque("models", "verify") == {"verified": []}
    assert "No model bundle is installed." in text_of(capsys, "models", "verify")


def _hear_interruptions():
    """Undo what a shell does to programs in the background: they ignore Ctrl-C, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is a signal on POSIX only")
def test_an_interruption_leaves_nothing_half_registered_and_no_child(masque_home, made):
    command = subprocess.Popen(
        [sys.executable, "-m", "desktop", "models", "add", str(made)],
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=_hear_interruptions,  # noqa: PLW1509 - sets a signal's default and nothing else
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + PATIENCE_S
    while not children_of(command.pid) and time.monotonic() < until:
        time.sleep(0.05)
    (child,) = children_of(command.pid)
    os.killpg(command.pid, signal.SIGINT)
    _, told = command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 130
    assert "Traceback" not in told
    assert not (masque_home / "data" / "models.json").exists()
    # Whoever takes over the orphan may not have looked at its end yet.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def children_of(process_id):
    try:
        return psutil.Process(process_id).children()
    except psutil.NoSuchProcess:
        return []
