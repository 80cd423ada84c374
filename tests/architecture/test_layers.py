"""The contracts between packages, seen from outside: what an interpreter has loaded, what files exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("desktop", "engine", "projects_db")
TOP_LEVEL = {"desktop", "engine", "projects_db", "resources", "tests", "packaging"}
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "onnxruntime")
PUBLIC_ENGINE = ("engine.protocol", "engine.client", "engine.media", "engine.draft")


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(run.stdout.split())


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize(
    "module",
    [
        "desktop.app",
        "engine.server.engine_process",
        "engine.client",
        "engine.worker.main",
        "engine.memory.__main__",
        "engine.benchmark.__main__",
    ],
)
def test_importing_an_entry_point_leaves_torch_out(module):
    modules = loaded_by(f"import {module}")
    assert module in modules
    assert not modules & set(HEAVY)


def test_every_command_module_leaves_torch_and_qt_out():
    modules = loaded_by(
        "from desktop.cli.command_table import COMMANDS\n"
        "import importlib\n"
        "for entry in COMMANDS: importlib.import_module(entry.module)"
    )
    assert "desktop.cli.commands.render_command" in modules
    assert not modules & {*HEAVY, "PySide6", "qasync"}


def test_help_loads_no_command_and_no_heavy_library():
    modules = loaded_by("from desktop.cli.main import run\nrun(['--help'])")
    assert "desktop.cli.main" in modules
    commands = [name for name in modules if name.startswith("desktop.cli.commands.")]
    assert commands == []
    assert not modules & {*HEAVY, "PySide6", "numpy", "cv2", "av", "sqlalchemy"}


def test_the_server_stays_light():
    modules = loaded_by("import engine.server.engine_process")
    assert not modules & {"numpy", "cv2", "av", "PySide6"}


def test_starting_the_server_takes_little_of_it():
    modules = loaded_by("import engine.server.main")
    assert not modules & {"sqlalchemy", "websockets"}


def test_the_project_file_opens_without_numpy():
    modules = loaded_by("import projects_db.project_store")
    assert not modules & {"numpy", "torch", "PySide6", "alembic"}


def test_only_one_file_imports_opencv():
    importing = [
        path.relative_to(ROOT).as_posix()
        for path in python_files(*SOURCES, "packaging")
        if re.search(r"^\s*(import cv2|from cv2)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert importing == ["engine/media/opencv.py"]


def test_importing_opencv_leaves_qt_variables_as_they_were():
    program = (
        "import os; os.environ['QT_QPA_FONTDIR'] = 'mine'\n"
        "import engine.media.opencv\n"
        "print(os.environ.get('QT_QPA_PLATFORM_PLUGIN_PATH'), os.environ.get('QT_QPA_FONTDIR'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.split() == ["None", "mine"]


def test_init_files_are_empty():
    full = [path for path in python_files(*SOURCES) if path.name == "__init__.py" and path.stat().st_size]
    assert full == []


def test_packaging_is_no_package():
    assert not (ROOT / "packaging" / "__init__.py").exists()


def test_top_level_folders_are_the_fixed_ones():
    run = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False)
    if run.returncode:
        pytest.skip("not a git checkout")
    folders = {line.split("/")[0] for line in run.stdout.splitlines() if "/" in line}
    assert folders - {".ci"} == TOP_LEVEL


def test_no_file_is_named_for_nothing_or_longer_than_400_lines():
    vague = {"utils", "helpers", "common", "misc", "manager", "base"}
    files = python_files(*SOURCES, "packaging")
    assert [path for path in files if path.stem in vague] == []
    assert [path for path in files if path.read_text(encoding="utf-8").count("\n") > 400] == []


def test_cuda_is_named_nowhere_outside_the_device_code():
    named = [
        path.relative_to(ROOT).as_posix()
        for path in python_files(*SOURCES)
        if re.search(r"[\"']cuda", path.read_text(encoding="utf-8"))
    ]
    assert [path for path in named if not path.startswith("engine/memory/")] == []


def test_no_absolute_path_or_registry_host_is_written_down():
    pattern = re.compile(r"[\"'( ](/tmp|/work|/root|/home)/|pypi\.org|files\.pythonhosted")
    files = [*python_files(*SOURCES, "packaging", "tests"), ROOT / "README.md", ROOT / "pyproject.toml"]
    named = [p for p in files if p != Path(__file__) and pattern.search(p.read_text(encoding="utf-8"))]
    assert named == []
