"""POSIX drops a process's locks when it closes any descriptor of a file; what follows must lose nothing."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore

ROOT = Path(__file__).resolve().parents[2]
READ_IT = (
    "import sys; from pathlib import Path; from projects_db.project_store import ProjectStore\n"
    "with ProjectStore.open(Path(sys.argv[1])) as store: print(store.project().name)"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps locks per handle")
def test_an_edit_is_refused_once_another_program_has_taken_the_log_away(tmp_path):
    path = tmp_path / "night.masque"
    with ProjectStore.create(path, name="night", frame_rate=Fraction(24)) as store:
        with store.change("Rename project") as change:
            change.rename_project("before")
        path.read_bytes()
        path.with_name(path.name + "-shm").read_bytes()
        told = subprocess.run(
            [sys.executable, "-c", READ_IT, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert told.stdout.strip() == "before"
        with pytest.raises(ProjectError, match="closed by another program"), store.change("Rename") as change:
            change.rename_project("lost")
    with ProjectStore.open(path) as store:
        assert store.project().name == "before"
        with store.change("Rename project") as change:
            change.rename_project("after")
    with ProjectStore.open(path) as store:
        assert store.project().name == "after"
