"""What is no project, or cannot be used as one, is answered with one sentence and a next step."""

import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore

NEEDS_POSIX = pytest.mark.skipif(os.name != "posix", reason="file permissions of POSIX")


def refusal(path: Path) -> ProjectError:
    with pytest.raises(ProjectError) as told:
        ProjectStore.open(path)
    error = told.value
    assert error.message.endswith(".")
    assert error.next_step.endswith(".")
    assert str(error) == f"{error.message} {error.next_step}"
    return error


def create(path: Path) -> ProjectStore:
    return ProjectStore.create(path, name="Night train", frame_rate=Fraction(24))


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"SQLite format 3\0", b"not a project at all" * 1000, random.Random(7).randbytes(100_000)],
    ids=["empty", "a letter", "the first 16 bytes", "text", "random"],
)
def test_a_file_that_is_no_database_is_called_damaged_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "shot.masque"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == "project_damaged"
    assert "shot.masque" in error.message
    assert "no saved version" in error.next_step
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_database_of_another_program_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "other.masque"
    with closing(sqlite3.connect(path)) as driver:
        driver.execute("CREATE TABLE moz_places (id INTEGER PRIMARY KEY)")
    assert refusal(path).code == "invalid"


def test_a_folder_a_missing_file_and_a_pipe_are_told_apart(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "invalid"
    assert refusal(tmp_path / "none.masque").code == "project_missing"
    assert refusal(tmp_path / "no folder" / "none.masque").code == "project_missing"
    (tmp_path / "file").write_text("x")
    assert refusal(tmp_path / "file" / "none.masque").code == "project_missing"
    with pytest.raises(ProjectError) as told:
        ProjectStore.open(tmp_path / ("long" * 100))
    assert told.value.code in ("project_missing", "not_writable")


@NEEDS_POSIX
def test_a_pipe_does_not_make_us_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.masque")
    assert refusal(tmp_path / "pipe.masque").code == "invalid"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_project_is_called_damaged(store: ProjectStore, shot, share: float) -> None:
    store.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content[: int(len(content) * share)])
    assert refusal(store.path).code == "project_damaged"


def test_a_project_without_its_tables_or_its_row_is_called_damaged(
    store: ProjectStore, tmp_path: Path
) -> None:
    store.close()
    for number, harm in enumerate(
        (
            "DROP TABLE voice_clip",
            "DELETE FROM project",
            "DELETE FROM alembic_version",
            "DROP TABLE alembic_version",
            "INSERT INTO alembic_version VALUES ('0000')",
            "ALTER TABLE scene RENAME COLUMN prompt TO words",
        )
    ):
        path = tmp_path / f"harmed {number}.masque"
        shutil.copyfile(store.path, path)
        with closing(sqlite3.connect(path)) as driver, driver:
            driver.execute(harm)
        assert refusal(path).code == "project_damaged", harm


def test_flipped_bytes_are_either_harmless_or_told(store: ProjectStore, shot, tmp_path: Path) -> None:
    store.close()
    whole = store.path.read_bytes()
    chance = random.Random(20)
    told = 0
    for number in range(80):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 40))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path = tmp_path / f"flipped {number}.masque"
        path.write_bytes(content)
        try:
            with ProjectStore.open(path) as opened:
                read_everything(opened)
        except ProjectError as error:
            assert error.code in ("project_damaged", "invalid", "project_newer"), error
            told += 1
    assert told > 10


def read_everything(store: ProjectStore) -> None:
    store.project()
    store.assets()
    store.takes()
    store.presets()
    for scene in store.scenes():
        store.scene(scene.id)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE project SET frame_rate = '24'",
        "UPDATE project SET created_at = 'yesterday'",
        "UPDATE scene SET name = CAST(x'ff41' AS TEXT)",
        "UPDATE driving_clip SET speed = '1/0', loop_mode = 'x'",
    ],
)
def test_values_no_masque_wrote_are_told_when_they_are_read(store: ProjectStore, shot, harm: str) -> None:
    store.close()
    with closing(sqlite3.connect(store.path)) as driver, driver:
        driver.execute("PRAGMA ignore_check_constraints = ON")
        driver.execute(harm)
    with pytest.raises(ProjectError) as told, ProjectStore.open(store.path) as opened:
        read_everything(opened)
    assert told.value.code == "project_damaged"


@NEEDS_POSIX
def test_a_read_only_project_is_told_before_anything_is_edited(ordinary_folder: Path) -> None:
    path = ordinary_folder / "locked away.masque"
    create(path).close()
    path.chmod(0o400)
    assert refusal(path).code == "not_writable"
    path.chmod(0o000)
    assert refusal(path).code == "not_writable"


@NEEDS_POSIX
def test_a_read_only_folder_is_told_when_opening_and_creating(ordinary_folder: Path) -> None:
    path = ordinary_folder / "a.masque"
    create(path).close()
    ordinary_folder.chmod(0o500)
    error = refusal(path)
    assert error.code == "not_writable"
    assert str(ordinary_folder) in error.next_step
    with pytest.raises(ProjectError) as told:
        create(ordinary_folder / "b.masque")
    assert told.value.code == "not_writable"


@NEEDS_POSIX
def test_a_folder_turned_read_only_is_told_when_a_version_is_saved(ordinary_folder: Path) -> None:
    with create(ordinary_folder / "a.masque") as opened:
        ordinary_folder.chmod(0o500)
        with pytest.raises(ProjectError) as told:
            opened.save_version("Now")
        assert told.value.code == "not_writable"
        ordinary_folder.chmod(0o700)


def test_a_project_is_not_made_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as told:
        create(tmp_path / "none" / "a.masque")
    assert told.value.code == "not_found"


def test_a_full_disk_is_told_and_the_project_stays_as_it_was(
    store: ProjectStore, shot, content: Callable[..., object], is_intact: Callable[[Path], bool]
) -> None:
    before = content(store.path)
    driver = store._project_connection.driver
    pages = driver.execute("PRAGMA page_count").fetchone()[0]
    driver.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ProjectError) as told, store.change("Write a lot") as change:
        change.note_take(shot.take, "x" * 1_000_000)
    assert told.value.code == "disk_full"
    assert content(store.path) == before
    driver.execute("PRAGMA max_page_count = 1000000")
    with store.change("Write a little") as change:
        change.note_take(shot.take, "Better")
    store.close()
    assert is_intact(store.path)


def test_a_change_that_sqlite_gave_up_is_not_half_committed_by_who_swallows_the_error(
    store: ProjectStore, shot
) -> None:
    with pytest.raises(RuntimeError, match="given up"), store.change("Write a lot") as change:
        change.update_scene(shot.scene, name="First half")
        store._project_connection.driver.execute("ROLLBACK")  # as SQLite does when the disk fails
        with pytest.raises(RuntimeError, match="given up"):
            change.update_scene(shot.scene, prompt="Second half")
    assert (store.scene(shot.scene).name, store.scene(shot.scene).prompt) == ("Opening", "")
    with store.change("Next") as change:
        change.update_scene(shot.scene, name="Fine again")


@NEEDS_POSIX
def test_an_edit_of_a_project_moved_away_while_open_is_refused(store: ProjectStore, shot) -> None:
    store.path.rename(store.path.with_name("moved.masque"))
    with pytest.raises(ProjectError) as told, store.change("Edit into nowhere") as change:
        change.update_scene(shot.scene, name="Lost")
    assert told.value.code == "project_missing"


def test_a_disk_that_takes_no_writing_is_said_though_nothing_can_be_cleaned_up(tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr("projects_db.new_file._put_on_disk", refuse)
    with pytest.raises(ProjectError) as caught:
        ProjectStore.create(tmp_path / "night.masque", name="night", frame_rate=Fraction(24))
    assert caught.value.code == "not_writable"
