"""A shot built through the command line, as a user builds it, with real sample media."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def masque():
    """Run a command in a process of its own and return its JSON; `code` is the exit code it must have."""

    def call(*arguments, code=0):
        command = [sys.executable, "-m", "desktop", *map(str, arguments), "--json"]
        run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert run.returncode == code, run.stdout + run.stderr
        assert "Traceback" not in run.stdout + run.stderr
        return json.loads(run.stdout)

    return call


@pytest.fixture
def shot(masque, engine, samples, tmp_path):
    """A project with a driving clip on Ada, a voice on Bruno and a curve; the engine may be used."""
    project = tmp_path / "night.masque"
    masque("new", project)
    masque("scene", "add", project, samples / "duet.png", "--name", "Duet")
    masque("character", "add", project, "Duet", "Ada", "--face", 1)
    masque("character", "add", project, "Duet", "Bruno", "--face", 2)
    masque("drive", project, "Duet", "Ada", samples / "driver_smile.mp4", "--out", 2)
    masque("voice", project, "Duet", "Bruno", samples / "voice.wav", "--out", 2)
    masque("curve", project, "Duet", "Ada", "mouth", "0:0.5", "40:1.3:bezier")
    return project
