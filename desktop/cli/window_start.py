"""Starting the window from the command line, so late that no other command loads Qt."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

from engine.protocol.errors import UserError

WINDOW_LIBRARIES = "libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libdbus-1-3 libfontconfig1"
USE_COMMAND_LINE = "or use the command line: masque --help."
INSTALL_LIBRARIES = f"On Debian run: apt install {WINDOW_LIBRARIES}, {USE_COMMAND_LINE}"
FIND_A_SCREEN = f"Log in to a desktop (over ssh: ssh -X), {USE_COMMAND_LINE}"
UNSET_PLATFORM = f"Unset QT_QPA_PLATFORM, {USE_COMMAND_LINE}"
QUIET_SOUND = "qt.multimedia.symbolsresolver=false"  # Qt does without PipeWire and says so at every start
SCREENLESS = frozenset({"offscreen", "minimal"})
SCREEN_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
PROBE_S = 20.0
PROBE = (
    "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
    "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
)


class WindowProbe:
    """Finds out whether Qt can open a window here.

    Qt ends a process it finds no screen for, so a process of its own is asked; it runs from the moment the
    probe is made until `require` is called. Only Linux is asked: elsewhere there is always a screen.
    """

    def __init__(self) -> None:
        self.lacks_screen = _is_linux() and not any(os.environ.get(name) for name in SCREEN_VARIABLES)
        self._process: subprocess.Popen[str] | None = None
        if _is_linux() and not self.lacks_screen and _platform() not in SCREENLESS:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROBE],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )

    def require(self) -> None:
        """Raise UserError, with the reason and a remedy, where Qt can open no window."""
        if self.lacks_screen:
            raise _refusal("there is no display", FIND_A_SCREEN)
        if self._process is None:
            return
        with self._process as process:
            try:
                _, said = process.communicate(timeout=PROBE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise _refusal("the display does not answer", FIND_A_SCREEN) from None
        if process.returncode != 0:
            reason = _reason(said)
            raise _refusal(reason, _remedy(reason))

    def give_up(self) -> None:
        """End the probe without an answer."""
        if self._process is not None:
            with self._process as process:
                process.kill()


def run_window(project: Path | None) -> int:
    """Open the window and return its exit code. Raises UserError where Qt or a screen is missing.

    The screen is tried while the window's modules are loaded, so that it costs no time.
    """
    os.environ.setdefault("QT_LOGGING_RULES", QUIET_SOUND)
    probe = WindowProbe()
    if probe.lacks_screen:
        probe.require()
    try:
        window = importlib.import_module("desktop.app")
    except ImportError as error:
        probe.give_up()
        raise _refusal(str(error), INSTALL_LIBRARIES) from error
    probe.require()
    return int(window.main(project))


def _is_linux() -> bool:
    return sys.platform.startswith("linux")


def _platform() -> str:
    return os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]


def _refusal(reason: str, next_step: str) -> UserError:
    return UserError(f"The window cannot open here: {reason}.", next_step=next_step)


def _reason(said: str) -> str:
    """Return the telling line of what Qt or Python said: Qt's first one, else the last."""
    lines = said.strip().splitlines() or ["Qt ended without a word"]
    told_by_qt = [line.partition(": ")[2] for line in lines if line.startswith("qt.qpa")]
    return (told_by_qt[0] if told_by_qt else lines[-1]).removesuffix(' in ""').strip().rstrip(".")


def _remedy(reason: str) -> str:
    if "connect to display" in reason:
        return FIND_A_SCREEN
    return UNSET_PLATFORM if "Could not find the Qt platform" in reason else INSTALL_LIBRARIES
