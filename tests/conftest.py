"""Fixtures for every test: no screen, no user directories, no leftovers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SAMPLES = Path(__file__).resolve().parent.parent / "resources" / "samples"


@pytest.fixture(autouse=True)
def masque_home(tmp_path_factory, monkeypatch):
    """Keep the engine's queue, cache and logs of each test in a folder of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MASQUE_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def samples():
    """The folder of the product's sample media."""
    return SAMPLES


@pytest.fixture
def engine(masque_home):
    """Let a test use the engine process; it is stopped afterwards."""
    yield masque_home
    subprocess.run([sys.executable, "-m", "desktop", "engine", "stop"], check=True, capture_output=True)
