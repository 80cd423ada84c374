"""The window says in a sentence why it cannot open, and its log never keeps it from opening."""

import logging
import os
import subprocess
import sys

import pytest

from desktop import app
from desktop.cli import window_start
from desktop.cli.machine_checks import Verdict, check_machine
from engine.protocol.errors import UserError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="screens differ elsewhere")


@pytest.fixture
def screenless(monkeypatch):
    for name in window_start.SCREEN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def root_logger():
    """Put the root logger back as it was."""
    root = logging.getLogger()
    handlers, levels = list(root.handlers), [handler.level for handler in root.handlers]
    yield root
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    for handler, level in zip(handlers, levels, strict=True):
        handler.setLevel(level)
    logging.getLogger("desktop").setLevel(logging.NOTSET)


def open_window():
    command = [sys.executable, "-m", "desktop", "window"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


def test_without_a_display_the_window_is_refused_in_one_sentence(screenless):
    run = open_window()
    assert run.returncode == 1
    assert run.stderr.startswith("The window cannot open here: there is no display. Log in to a desktop")
    assert len(run.stderr.splitlines()) == 1


def test_a_display_that_is_not_there_is_refused_in_one_sentence(screenless):
    screenless.setenv("DISPLAY", ":4711")
    run = open_window()
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("The window cannot open here: ")
    assert "masque --help" in run.stderr


def test_a_platform_qt_does_not_know_is_named(screenless):
    screenless.setenv("QT_QPA_PLATFORM", "stone tablet")
    with pytest.raises(UserError, match="stone tablet") as refusal:
        window_start.WindowProbe().require()
    assert "QT_QPA_PLATFORM" in refusal.value.report.next_step


def test_a_display_that_does_not_answer_is_given_up(screenless):
    screenless.setenv("QT_QPA_PLATFORM", "vnc")
    screenless.setattr(window_start, "PROBE", "import time; time.sleep(600)")
    screenless.setattr(window_start, "PROBE_S", 0.1)
    with pytest.raises(UserError, match="does not answer"):
        window_start.WindowProbe().require()


def test_missing_libraries_end_the_probe(screenless):
    screenless.setenv("QT_QPA_PLATFORM", "vnc")
    screenless.setattr(window_start, "PROBE", "import time; time.sleep(600)")
    screenless.setitem(sys.modules, "desktop.app", None)
    with pytest.raises(UserError, match="cannot open here") as refusal:
        window_start.run_window(None)
    assert "libegl1" in refusal.value.report.next_step


def test_drawing_without_a_screen_is_allowed_where_it_was_asked_for(screenless):
    screenless.setenv("QT_QPA_PLATFORM", "offscreen")
    window_start.WindowProbe().require()


def test_doctor_says_the_same_as_the_window(screenless):
    found = {check.name: check for check in check_machine()}["Window"]
    assert found.verdict is Verdict.WARNING
    assert "there is no display" in found.found


def test_the_log_goes_round_and_the_terminal_gets_warnings_only(root_logger, tmp_path, monkeypatch):
    terminal = logging.StreamHandler(sys.stdout)
    root_logger.addHandler(terminal)
    monkeypatch.setattr(app, "LOG_BYTES", 500)
    assert app._log_to(tmp_path / "window.log") is None
    for number in range(100):
        logging.getLogger("desktop.test").info("line %d", number)
    assert terminal.level == logging.WARNING
    logs = sorted(path.name for path in tmp_path.iterdir())
    assert logs == ["window.log", "window.log.1", "window.log.2", "window.log.3"]
    assert "line 99" in (tmp_path / "window.log").read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_is_told_and_does_not_end_the_window(root_logger, tmp_path):
    (tmp_path / "window.log").mkdir()
    report = app._log_to(tmp_path / "window.log")
    assert str(tmp_path / "window.log") in report.message
