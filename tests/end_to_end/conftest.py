"""A shot built through the command line, as a user builds it, with real sample media."""

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from desktop.cli.main import run

ROOT = Path(__file__).resolve().parents[2]


def run_masque(*arguments, code=0):
    """Run a command in a process of its own and return its JSON; `code` is the exit code it must have."""
    command = [sys.executable, "-m", "desktop", *map(str, arguments), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    return json.loads(run.stdout)


def run_masque_here(*arguments):
    """Run a command that must succeed in this process and return its JSON: half a second less each time."""
    told = io.StringIO()
    with redirect_stdout(told):
        code = run([*map(str, arguments), "--json"])
    assert code == 0, told.getvalue()
    return json.loads(told.getvalue())


@pytest.fixture
def masque():
    """The command line, in processes of its own."""
    return run_masque


@pytest.fixture
def masque_here():
    """The command line in this process, for what needs no engine or one that runs already."""
    return run_masque_here


@pytest.fixture(scope="session")
def shot_template(samples, tmp_path_factory):
    """A project with a driving clip on Ada, a voice on Bruno and a curve, built once command by command."""
    project = tmp_path_factory.mktemp("shot") / "night.masque"
    run_masque_here("new", project)
    run_masque_here("scene", "add", project, samples / "duet.png", "--name", "Duet")
    run_masque_here("character", "add", project, "Duet", "Ada", "--face", 1)
    run_masque_here("character", "add", project, "Duet", "Bruno", "--face", 2)
    run_masque_here("drive", project, "Duet", "Ada", samples / "driver_smile.mp4", "--out", 1.5)
    run_masque_here("voice", project, "Duet", "Bruno", samples / "voice.wav", "--out", 2)
    run_masque_here("curve", project, "Duet", "Ada", "mouth", "0:0.5", "40:1.3:bezier")
    return project.parent


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    """One engine for all shots, so that a clip is analysed once; it is stopped at the end."""
    home = tmp_path_factory.mktemp("engine")
    yield home
    environment = {**os.environ, "MASQUE_HOME": str(home)}
    command = [sys.executable, "-m", "desktop", "engine", "stop"]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)


@pytest.fixture
def engine(shared_home, monkeypatch):
    """Let a test use that engine."""
    monkeypatch.setenv("MASQUE_HOME", str(shared_home))


@pytest.fixture
def shot(shot_template, engine, tmp_path):
    """A copy of that project; the engine may be used."""
    shutil.copytree(shot_template, tmp_path, dirs_exist_ok=True)
    return tmp_path / "night.masque"
