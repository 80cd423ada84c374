"""A big project costs no more queries than a small one, and opening one loads no more than it needs."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from projects_db.project_store import ProjectStore

ROOT = Path(__file__).parents[2]


@pytest.fixture
def big(tmp_path: Path, fill: Callable[..., None]) -> Path:
    path = tmp_path / "big.masque"
    ProjectStore.create(path, name="Big", frame_rate=Fraction(24)).close()
    fill(path, scenes=1000, characters=4, clips=5)
    return path


def _statements(store: ProjectStore, action: Callable[[], object]) -> list[str]:
    seen: list[str] = []
    driver = store._project_connection.driver
    driver.set_trace_callback(seen.append)
    action()
    driver.set_trace_callback(None)
    return [text for text in seen if text.startswith("SELECT")]


def test_a_thousand_scenes_are_listed_with_one_query_and_one_is_read_with_a_few(big: Path) -> None:
    with ProjectStore.open(big) as store:
        scenes = store.scenes()
        assert len(scenes) == 1000
        assert {scene.character_count for scene in scenes} == {4}
        middle = scenes[500].id
        assert len(_statements(store, store.scenes)) == 1
        assert len(_statements(store, lambda: store.scene(middle))) <= 9
        assert len(_statements(store, lambda: store.scene_named("Scene 500"))) <= 10
        assert len(_statements(store, store.takes)) == 2
        assert len(_statements(store, store.assets)) == 1
        scene = store.scene(middle)
        assert [len(character.driving_clips) for character in scene.characters] == [5] * 4
        assert scene.position == 500


def test_reading_one_scene_goes_through_no_whole_table(big: Path) -> None:
    with ProjectStore.open(big) as store:
        middle = store.scenes()[500].id
        driver = store._project_connection.driver
        for statement in _statements(store, lambda: store.scene(middle)):
            for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
                assert not step.startswith("SCAN"), (step, statement)


def test_opening_a_project_loads_no_migrations_and_nothing_of_ours_but_this_package(
    store: ProjectStore, tmp_path: Path
) -> None:
    store.close()
    script = """
import sys
from fractions import Fraction
from pathlib import Path
from projects_db.project_store import ProjectStore

ProjectStore.create(Path(sys.argv[1]) / "new.masque", name="New", frame_rate=Fraction(24)).close()
with ProjectStore.open(Path(sys.argv[2])) as store:
    store.scenes()
    store.save_version("One")
for name in ("alembic", "engine", "desktop", "PySide6", "torch", "numpy"):
    assert name not in sys.modules, name
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(store.path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
