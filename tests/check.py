"""`python -m tests.check`: all that must hold before a change goes in; stops at the first that does not.

`--without-tests` leaves out pytest, for a run beside it.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("desktop", "engine", "projects_db", "packaging", "tests")
STEPS = (
    ("formatting", ("ruff", "format", "--check", *SOURCES)),
    ("style", ("ruff", "check", *SOURCES)),
    ("types", ("mypy",)),
    ("layers", ("importlinter",)),
    ("tests", ("pytest", "-q")),
)
MODULES = {"importlinter": "from importlinter.cli import lint_imports_command; lint_imports_command()"}


def main(arguments: list[str]) -> int:
    """Run the steps in order and return the first exit code that is not zero."""
    for name, command in STEPS:
        if name == "tests" and "--without-tests" in arguments:
            continue
        sys.stdout.write(f"== {name}: {' '.join(command)}\n")
        sys.stdout.flush()
        program = ["-c", MODULES[command[0]]] if command[0] in MODULES else ["-m", *command]
        code = subprocess.run([sys.executable, *program], cwd=ROOT, check=False).returncode
        if code:
            sys.stdout.write(f"== {name} failed\n")
            return code
    sys.stdout.write("== all good\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
