"""What `masque doctor` looks at. Each check is one fact about this machine, with a remedy where it fails."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import av

from desktop.authoring.graphics_card import card_facts, card_outlook
from desktop.authoring.memory_words import size_words
from desktop.cli.window_start import INSTALL_LIBRARIES, WindowProbe
from engine.client import engine_directories
from engine.draft.face_detection import load_cascade
from engine.planning.memory_limit import LIMIT_VARIABLE, device_memory_limit
from engine.protocol.errors import UserError

PACKAGES = (
    "PySide6-Essentials",
    "torch",
    "av",
    "opencv-python",
    "sqlalchemy",
    "websockets",
    "opentimelineio",
)
ENCODERS = ("libx264", "prores_ks", "ffv1", "aac", "png")
NEEDED_FREE_BYTES = 5 * 10**9


class Verdict(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check: what was looked at, what was found, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def check_machine() -> tuple[CheckResult, ...]:
    """Run every check; none of them changes anything or loads torch."""
    checks: tuple[Callable[[], CheckResult], ...] = (
        _python,
        _packages,
        _encoders,
        _face_finder,
        _directories,
        _disk,
        _graphics_card,
        memory_limit_check,
        _window,
        _sound,
    )
    return tuple(check() for check in checks)


def _python() -> CheckResult:
    found = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    remedy = "" if good else "Install Masque with Python 3.11, 3.12 or 3.13."
    return CheckResult(
        name="Python", verdict=Verdict.GOOD if good else Verdict.FAILED, found=found, remedy=remedy
    )


def _packages() -> CheckResult:
    found, lacking = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lacking.append(name)
    return CheckResult(
        name="Packages",
        verdict=Verdict.FAILED if lacking else Verdict.GOOD,
        found=", ".join(found),
        remedy=f"Install Masque again; it lacks {', '.join(lacking)}." if lacking else "",
    )


def _encoders() -> CheckResult:
    lacking = [name for name in ENCODERS if name not in av.codecs_available]
    return CheckResult(
        name="Video codecs",
        verdict=Verdict.FAILED if lacking else Verdict.GOOD,
        found=", ".join(name for name in ENCODERS if name not in lacking),
        remedy=f"Install the package av again; it lacks {', '.join(lacking)}." if lacking else "",
    )


def _face_finder() -> CheckResult:
    try:
        load_cascade("haarcascade_frontalface_default.xml")
    except UserError as error:
        return CheckResult(
            name="Face finder",
            verdict=Verdict.FAILED,
            found=error.report.message,
            remedy=error.report.next_step,
        )
    return CheckResult(name="Face finder", verdict=Verdict.GOOD, found="frontal and profile")


def _directories() -> CheckResult:
    refused = [path for path in engine_directories() if not os.access(_existing(path), os.W_OK)]
    if refused:
        names = ", ".join(str(path) for path in refused)
        return CheckResult(
            name="Folders",
            verdict=Verdict.FAILED,
            found=f"cannot write {names}",
            remedy="Allow writing there.",
        )
    return CheckResult(name="Folders", verdict=Verdict.GOOD, found=str(engine_directories()[0]))


def _disk() -> CheckResult:
    free = shutil.disk_usage(_existing(engine_directories()[0])).free
    good = free >= NEEDED_FREE_BYTES
    return CheckResult(
        name="Disk",
        verdict=Verdict.GOOD if good else Verdict.WARNING,
        found=f"{free / 1e9:.0f} GB free",
        remedy="" if good else "Free at least 5 GB before an overnight queue.",
    )


def _graphics_card() -> CheckResult:
    """Without a card, or with one that torch cannot use, renders still work: on the processor."""
    outlook = card_outlook(card_facts())
    return CheckResult(
        name="Graphics card",
        verdict=Verdict.GOOD if outlook.is_good else Verdict.WARNING,
        found=outlook.found,
        remedy=outlook.next_step,
    )


def memory_limit_check() -> CheckResult:
    """Return whether the user's limit of the device's memory can be kept to; an engine starts only then."""
    try:
        limit_bytes = device_memory_limit()
    except UserError as error:
        return CheckResult(
            name="Memory limit",
            verdict=Verdict.FAILED,
            found=error.report.message,
            remedy=error.report.next_step,
        )
    found = "none" if limit_bytes is None else f"{size_words(limit_bytes)} ({LIMIT_VARIABLE})"
    return CheckResult(name="Memory limit", verdict=Verdict.GOOD, found=found)


def _window() -> CheckResult:
    error = _import_error("import PySide6.QtWidgets, PySide6.QtSvg, qasync")
    if error:
        return CheckResult(name="Window", verdict=Verdict.WARNING, found=error, remedy=INSTALL_LIBRARIES)
    try:
        WindowProbe().require()
    except UserError as refusal:
        report = refusal.report
        return CheckResult(
            name="Window", verdict=Verdict.WARNING, found=report.message, remedy=report.next_step
        )
    return CheckResult(name="Window", verdict=Verdict.GOOD, found="Qt can open one")


def _sound() -> CheckResult:
    error = _import_error("import PySide6.QtMultimedia")
    if error:
        return CheckResult(
            name="Sound",
            verdict=Verdict.WARNING,
            found=error,
            remedy="On Debian: apt install libpulse0. Without it the window plays silently.",
        )
    return CheckResult(name="Sound", verdict=Verdict.GOOD, found="QtMultimedia loads")


def _import_error(statement: str) -> str:
    """Return the last line of what importing says in a process of its own; empty when it works."""
    run = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)
    lines = run.stderr.strip().splitlines()
    return "" if run.returncode == 0 else (lines[-1] if lines else f"exit code {run.returncode}")


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
