"""Named versions beside the project: saved, listed, restored, and offered when the project is damaged."""

import os
import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore
from projects_db.recovery import recover_project


def _damage(path: Path) -> bytes:
    content = path.read_bytes()[:50_000]
    path.write_bytes(content)
    return content


def test_a_version_is_a_whole_project_with_its_name_and_time(store: ProjectStore, shot, is_intact) -> None:
    saved = store.save_version("Before the recut: take 2/3?")
    assert store.versions() == (saved,)
    assert saved.name == "Before the recut: take 2/3?"
    version = store.folder / "Night train versions" / saved.file_name
    assert not set(':/?"<>|*\\') & set(saved.file_name)
    assert version.stat().st_size == saved.size_bytes
    assert is_intact(version)
    assert [file.name for file in version.parent.iterdir()] == [saved.file_name]
    with ProjectStore.open(version) as opened:
        assert opened.scenes() == store.scenes()


def test_versions_are_listed_newest_first_and_one_name_may_come_twice(store: ProjectStore) -> None:
    names = ["One", "Two", "One", "100% – done."]
    for name in names:
        store.save_version(name)
    assert [version.name for version in store.versions()] == list(reversed(names))
    times = [version.created_at for version in store.versions()]
    assert times == sorted(times, reverse=True)


def test_what_killed_processes_left_half_written_is_cleared_away_later(store: ProjectStore) -> None:
    saved = store.save_version("One")
    folder = store.folder / "Night train versions"
    old, young = folder / ".0123.partial", folder / ".4567.partial"
    for leftover in (old, young):
        leftover.write_bytes(b"half")
    os.utime(old, (0, 0))
    second = store.save_version("Two")
    names = {file.name for file in folder.iterdir()}
    assert names == {saved.file_name, second.file_name, young.name}
    assert len(store.versions()) == 2


def test_a_file_put_into_the_folder_by_hand_is_listed_under_its_own_name(store: ProjectStore) -> None:
    saved = store.save_version("Mine")
    folder = store.folder / "Night train versions"
    (folder / saved.file_name).rename(folder / "copied by hand.masque")
    (folder / "notes.txt").write_text("x")
    (folder / "folder.masque").mkdir()
    assert [version.name for version in store.versions()] == ["copied by hand"]


@pytest.mark.parametrize("name", ["", " x ", "a\nb", "x" * 201, "é" * 150])
def test_a_version_needs_a_name_that_fits_a_file(store: ProjectStore, name: str) -> None:
    with pytest.raises(ProjectError) as told:
        store.save_version(name)
    assert told.value.code == "invalid"
    assert store.versions() == ()


def test_a_version_restored_in_place_brings_everything_back_and_keeps_what_was(
    store: ProjectStore, shot, content, is_intact
) -> None:
    then = content(store.path)
    saved = store.save_version("Good")
    with store.change("Ruin") as change:
        change.remove_scene(shot.scene)
    ruined = content(store.path)
    with ProjectStore.open(store.path) as other:
        assert other.scenes() == ()
        store.restore_version(saved.file_name)
        assert content(store.path) == then
        assert len(other.scenes()) == 1
        with pytest.raises(ProjectError) as told:
            store.revert(change.record)
        assert told.value.code == "conflict"
    kept = store.versions()[0]
    assert kept.name == "Before restoring Good"
    store.restore_version(kept.file_name)
    assert content(store.path) == ruined
    with store.change("Go on") as change:
        change.rename_project("Still editable")
    store.revert(change.record)
    store.close()
    assert is_intact(store.path)
    assert sorted(file.name for file in store.folder.iterdir()) == [
        "Night train versions",
        "Night train.masque",
    ]


def test_a_version_is_restored_as_a_new_project(store: ProjectStore, shot, tmp_path: Path) -> None:
    saved = store.save_version("Good")
    copy = tmp_path / "Night train 2.masque"
    store.restore_version(saved.file_name, to=copy)
    with ProjectStore.open(copy) as opened:
        assert opened.scene(shot.scene) == store.scene(shot.scene)
    with pytest.raises(ProjectError) as told:
        store.restore_version(saved.file_name, to=copy)
    assert told.value.code == "project_exists"


@pytest.mark.parametrize("file_name", ["none.masque", "../Night train.masque", "", "."])
def test_a_version_that_is_not_there_is_not_restored(store: ProjectStore, file_name: str) -> None:
    store.save_version("One")
    with pytest.raises(ProjectError) as told:
        store.restore_version(file_name)
    assert told.value.code == "not_found"


def test_a_damaged_version_is_not_restored(store: ProjectStore, content) -> None:
    saved = store.save_version("One")
    before = content(store.path)
    _damage(store.folder / "Night train versions" / saved.file_name)
    with pytest.raises(ProjectError) as told:
        store.restore_version(saved.file_name)
    assert told.value.code == "project_damaged"
    assert content(store.path) == before


def test_a_damaged_project_names_the_newest_good_version_and_is_brought_back_from_it(
    store: ProjectStore, shot, content
) -> None:
    store.save_version("Older")
    good = store.save_version("Good one")
    bad = store.save_version("Bad one")
    then = content(store.path)
    store.close()
    folder = store.folder
    _damage(folder / "Night train versions" / bad.file_name)
    damaged = _damage(store.path)

    with pytest.raises(ProjectError, match="“Good one”") as told:
        ProjectStore.open(store.path)
    assert told.value.code == "project_damaged"
    assert store.path.read_bytes() == damaged

    assert recover_project(store.path) == good
    assert content(store.path) == then
    (aside,) = folder.glob("Night train damaged *.masque")
    assert aside.read_bytes() == damaged
    with ProjectStore.open(store.path) as opened:
        assert opened.scene(shot.scene).name == "Opening"


def test_logs_of_a_damaged_project_go_aside_with_it(store: ProjectStore, shot) -> None:
    store.save_version("Good")
    store.close()
    store.path.write_bytes(b"no header")
    store.path.with_name(store.path.name + "-wal").write_bytes(b"left over")
    recover_project(store.path)
    assert not store.path.with_name(store.path.name + "-wal").exists()
    (log,) = store.folder.glob("Night train damaged *.masque-wal")
    assert log.read_bytes() == b"left over"


def test_a_lost_project_is_brought_back_from_its_newest_version(store: ProjectStore, shot) -> None:
    store.save_version("Good")
    store.close()
    store.path.unlink()
    with pytest.raises(ProjectError, match="“Good”") as told:
        ProjectStore.open(store.path)
    assert told.value.code == "project_missing"
    recover_project(store.path)
    with ProjectStore.open(store.path) as opened:
        assert opened.scene(shot.scene).name == "Opening"


def test_a_project_without_a_good_version_is_not_touched_by_recovery(store: ProjectStore) -> None:
    store.close()
    damaged = _damage(store.path)
    with pytest.raises(ProjectError, match="no saved version") as told:
        recover_project(store.path)
    assert told.value.code == "project_damaged"
    assert store.path.read_bytes() == damaged


def test_a_sound_project_is_not_recovered(store: ProjectStore) -> None:
    store.save_version("Good")
    store.close()
    with pytest.raises(ProjectError) as told:
        recover_project(store.path)
    assert told.value.code == "invalid"


def test_a_newer_project_is_not_recovered(store: ProjectStore) -> None:
    store.save_version("Good")
    store.close()
    with closing(sqlite3.connect(store.path)) as driver, driver:
        driver.execute("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(ProjectError) as told:
        recover_project(store.path)
    assert told.value.code == "project_newer"


def test_a_version_saved_while_another_window_edits_is_one_moment(store: ProjectStore, shot) -> None:
    with ProjectStore.open(store.path) as other, other.change("Half way") as change:
        change.update_scene(shot.scene, name="Not yet")
        saved = store.save_version("Meanwhile")
    with ProjectStore.open(store.folder / "Night train versions" / saved.file_name) as version:
        assert version.scenes()[0].name == "Opening"


def test_a_new_project_of_the_same_name_elsewhere_has_no_versions(
    store: ProjectStore, tmp_path: Path
) -> None:
    store.save_version("Mine")
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "Night train.masque"
    with ProjectStore.create(other, name="Night train", frame_rate=Fraction(24)) as opened:
        assert opened.versions() == ()
