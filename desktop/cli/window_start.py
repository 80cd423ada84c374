"""Starting the window from the command line, so late that no other command loads Qt."""

import importlib
from pathlib import Path

from engine.protocol.errors import UserError


def run_window(project: Path | None) -> int:
    """Open the window and return its exit code. Raises UserError where Qt's libraries are missing."""
    try:
        window = importlib.import_module("desktop.app")
    except ImportError as error:
        raise UserError(
            f"The window cannot open here: {error}.",
            next_step="Install the libraries the README names, or use the command line: masque --help.",
        ) from error
    return int(window.main(project))
