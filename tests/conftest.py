"""Fixtures for every test: no screen, no user directories, no leftovers."""

import logging
import os
import threading
from pathlib import Path

import pytest

from engine.library_imports import large_imports
from tests.child_processes import child_processes

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# There is a test process for each core: more threads in each, and in what it starts, wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Folders of files that take long. They come first: at the end a process would wait for the other's.
LONG = ("end_to_end", "renderers", "server", "benchmark", "windows", "cli", "packaging")
SAMPLES = Path(__file__).resolve().parent.parent / "resources" / "samples"


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect the tests without looking for garbage: they and the libraries they import last to the end."""
    with large_imports():
        return (yield)


def pytest_collection_modifyitems(items):
    """Put the long files first, otherwise leaving the order as it is."""
    items.sort(
        key=lambda item: LONG.index(item.path.parent.name) if item.path.parent.name in LONG else len(LONG)
    )


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request):
    """Fail a test that leaves a thread or a child process, or warns in the log without looking at it."""
    threads, children = set(threading.enumerate()), child_processes()
    warnings = WarningCollector()
    logging.getLogger().addHandler(warnings)
    yield
    logging.getLogger().removeHandler(warnings)
    left = [thread.name for thread in set(threading.enumerate()) - threads if not thread.daemon]
    running = [child.name() for child in child_processes() - children if child.is_running()]
    assert (left, running) == ([], [])
    if "caplog" not in request.fixturenames:
        assert warnings.lines == []


class WarningCollector(logging.Handler):
    """Keeps what our own code logs as a warning or worse."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        if record.name.split(".")[0] in {"desktop", "engine", "projects_db"}:
            self.lines.append(record.getMessage())


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


@pytest.fixture(scope="session")
def random_bundle(tmp_path_factory):
    """The folder of a tiny model bundle, made once and only read; what is to be changed is copied first."""
    with large_imports():
        from engine.weights.random_bundle import make_test_bundle

    folder = tmp_path_factory.mktemp("bundles") / "test"
    make_test_bundle(folder)
    return folder


@pytest.fixture(scope="session")
def verified_bundle(random_bundle):
    """That bundle as it was verified."""
    with large_imports():
        from engine.weights.inspection import inspect_folder

    return inspect_folder(random_bundle)


@pytest.fixture
def engine(masque_home):
    """Let a test use the engine process; it is stopped afterwards."""
    from desktop.cli.main import run

    yield masque_home
    assert run(["engine", "stop"]) == 0
