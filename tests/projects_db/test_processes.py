"""Several processes at one project, and processes that are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from projects_db import backup
from projects_db.connection import ProjectConnection, connect_driver
from projects_db.errors import ProjectError
from projects_db.opening import open_file
from projects_db.project_store import ProjectStore
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
EDITOR = Path(__file__).with_name("edit_until_killed.py")

OPEN_EDIT_CLOSE = """
import sys
from pathlib import Path
from projects_db.project_store import ProjectStore

for number in range(int(sys.argv[3])):
    with ProjectStore.open(Path(sys.argv[1])) as store:
        plate = next(asset.id for asset in store.assets() if asset.kind == "image")
        with store.change("Add scene") as change:
            change.add_scene(name=f"{sys.argv[2]} {number}", plate_asset_id=plate)
        store.scenes()
"""


@contextmanager
def python(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _kill_after(process: subprocess.Popen[str], count: int) -> list[str]:
    """Read `count` lines, kill the process, and return all it said."""
    assert process.stdout is not None
    said = [process.stdout.readline().strip() for _ in range(count)]
    process.send_signal(signal.SIGKILL)
    rest, errors = process.communicate(timeout=PATIENCE_S)
    assert errors == ""
    return said + rest.split("\n")[:-1]


@pytest.mark.parametrize("count", [1, 7, 30])
def test_every_edit_reported_as_committed_survives_a_kill(
    store: ProjectStore, shot, is_intact: Callable[[Path], bool], count: int
) -> None:
    store.close()
    with python(str(EDITOR), str(store.path), "edit") as process:
        committed = _kill_after(process, count)
    with ProjectStore.open(store.path) as opened:
        names = [scene.name for scene in opened.scenes()][1:]
        assert names[: len(committed)] == committed
        assert len(names) <= len(committed) + 1
        for name in names:
            assert [marker.name for marker in opened.scene_named(name).markers] == [name]
    assert is_intact(store.path)
    assert [file.name for file in store.folder.iterdir()] == [store.path.name]


def test_a_kill_in_the_middle_of_a_change_leaves_nothing_of_it(
    store: ProjectStore, shot, is_intact: Callable[[Path], bool]
) -> None:
    with python(str(EDITOR), str(store.path), "edit", "stay") as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(4)]
        assert said[-1] == "inside"
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
    assert [scene.name for scene in store.scenes()] == ["Opening", "edit 0", "edit 1", "edit 2"]
    with store.change("Edit on") as change:
        change.add_scene(name="edit 3", plate_asset_id=shot.plate)
    store.close()
    assert is_intact(store.path)


def test_two_writers_and_a_reader_at_once_lose_nothing(
    store: ProjectStore, shot, is_intact: Callable[[Path], bool]
) -> None:
    with (
        python(str(EDITOR), str(store.path), "window") as window,
        python(str(EDITOR), str(store.path), "command") as command,
    ):
        for number in range(20):
            with store.change("Edit") as change:
                change.add_scene(name=f"here {number}", plate_asset_id=shot.plate)
            assert len(store.scenes()) > number
        with ThreadPoolExecutor() as pool:
            said = list(pool.map(_kill_after, (window, command), (15, 15)))
    committed = {*said[0], *said[1], *(f"here {number}" for number in range(20))}
    assert committed <= {scene.name for scene in store.scenes()}
    positions = [scene.position for scene in store.scenes()]
    assert positions == list(range(len(positions)))
    store.close()
    assert is_intact(store.path)


def test_processes_that_open_and_close_all_the_time_do_not_disturb_each_other(
    store: ProjectStore, shot, is_intact: Callable[[Path], bool]
) -> None:
    store.close()
    with (
        python("-c", OPEN_EDIT_CLOSE, str(store.path), "a", "15") as first,
        python("-c", OPEN_EDIT_CLOSE, str(store.path), "b", "15") as second,
        python("-c", OPEN_EDIT_CLOSE, str(store.path), "c", "15") as third,
        ThreadPoolExecutor() as pool,
    ):
        ended = list(
            pool.map(lambda process: process.communicate(timeout=PATIENCE_S), (first, second, third))
        )
        assert [errors for _, errors in ended] == ["", "", ""]
    with ProjectStore.open(store.path) as opened:
        assert len(opened.scenes()) == 1 + 45
    assert is_intact(store.path)
    assert [file.name for file in store.folder.iterdir()] == [store.path.name]


def test_a_long_wait_for_another_writer_becomes_a_sentence(store: ProjectStore, shot) -> None:
    waiting = ProjectStore(ProjectConnection(store.path, busy_timeout_s=0.05))
    with store.change("Long change") as change:
        change.update_scene(shot.scene, name="Mine")
        with pytest.raises(ProjectError) as told, waiting.change("Impatient"):
            pass
    assert told.value.code == "project_locked"
    with waiting.change("Patient") as change:
        change.update_scene(shot.scene, prompt="Mine too")
    waiting.close()


def test_a_file_held_by_another_program_is_told_when_opened(store: ProjectStore, shot) -> None:
    store.close()
    holder = connect_driver(store.path)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ProjectError) as told:
            open_file(store.path, busy_timeout_s=0.05)
        assert told.value.code == "project_locked"
    finally:
        holder.close()
    ProjectStore.open(store.path).close()


def test_the_first_to_close_leaves_the_log_to_the_last(store: ProjectStore, shot) -> None:
    with ProjectStore.open(store.path) as other:
        store.close()
        with other.change("Edit") as change:
            change.update_scene(shot.scene, name="After")
    assert [file.name for file in other.folder.iterdir()] == [other.path.name]
    with ProjectStore.open(other.path) as opened:
        assert opened.scenes()[0].name == "After"


SAY_SETTINGS = """
import sys
from pathlib import Path
from projects_db.project_store import ProjectStore

with ProjectStore.open(Path(sys.argv[1])) as store:
    for name in ("foreign_keys", "synchronous", "journal_mode", "trusted_schema", "busy_timeout"):
        print(store._project_connection.driver.execute(f"PRAGMA {name}").fetchone()[0])
"""


def test_a_commit_waits_for_the_disk_and_foreign_keys_are_kept(store: ProjectStore) -> None:
    store.close()
    with python("-c", SAY_SETTINGS, str(store.path)) as process:
        said, errors = process.communicate(timeout=PATIENCE_S)
    assert (said.split(), errors) == (["1", "2", "wal", "0", "5000"], "")


TRY_TO_TAKE_THE_LOG_AWAY = """
import sqlite3
import sys

driver = sqlite3.connect(sys.argv[1], timeout=0.05)
try:
    print(driver.execute("PRAGMA journal_mode = DELETE").fetchone()[0])
except sqlite3.OperationalError as error:
    print(error)
"""


def test_opening_an_open_project_again_does_not_give_its_locks_away(store: ProjectStore, shot) -> None:
    """Closing any descriptor of a file drops all its POSIX locks (sqlite.org/howtocorrupt.html)."""
    script = ("-c", TRY_TO_TAKE_THE_LOG_AWAY, str(store.path))
    with ProjectStore.open(store.path), python(*script) as process:
        said, errors = process.communicate(timeout=PATIENCE_S)
    assert (said.strip(), errors) == ("database is locked", "")


def test_restoring_a_version_waits_for_other_writers_but_not_for_ever(
    store: ProjectStore, shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = store.save_version("Good")
    impatient = ProjectStore(open_file(store.path, busy_timeout_s=0.05))
    monkeypatch.setattr(backup, "BUSY_TIMEOUT_S", 0.1)
    with ProjectStore.open(store.path) as other, other.change("Long change") as change:
        change.update_scene(shot.scene, name="Theirs")
        with pytest.raises(ProjectError) as told:
            impatient.restore_version(saved.file_name)
        assert told.value.code == "project_locked"
    assert store.scenes()[0].name == "Theirs"
    impatient.restore_version(saved.file_name)
    impatient.close()
    assert store.scenes()[0].name == "Opening"
