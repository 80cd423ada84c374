"""A project is open whole or not at all."""

import shutil
import sqlite3

import pytest

from desktop.state.project_session import ProjectSession
from projects_db.errors import ProjectError


@pytest.fixture
def session(qt_application, project):
    made = ProjectSession()
    made.open(project)
    yield made
    made.close()


@pytest.fixture
def half_damaged(tmp_path, built_project):
    """A project that opens, whose scene cannot be read: its characters have lost their regions."""
    path = tmp_path / "damaged.masque"
    shutil.copy(built_project, path)
    driver = sqlite3.connect(path, isolation_level=None)
    driver.execute("DELETE FROM face_region")
    driver.close()
    return path


def files_beside(path):
    return sorted(file.name for file in path.parent.glob(f"{path.name}*"))


def test_a_project_that_cannot_be_read_whole_leaves_the_open_one_as_it_was(session, project, half_damaged):
    told = []
    for signal in (session.project_closing, session.project_closed, session.project_opened):
        signal.connect(lambda: told.append(True))
    scene = session.scene
    with pytest.raises(ProjectError):
        session.open(half_damaged)
    assert (session.store.path, session.scene, told) == (project, scene, [])
    assert session.scenes[0].name == "Duet"
    assert files_beside(half_damaged) == [half_damaged.name]


def test_without_a_project_there_is_none_after_a_damaged_one_was_refused(qt_application, half_damaged):
    session = ProjectSession()
    with pytest.raises(ProjectError):
        session.open(half_damaged)
    assert not session.is_open
    assert session.project is None


def test_the_chosen_scene_stays_chosen_while_others_write(session, project):
    with sqlite3.connect(project) as driver:
        driver.execute("UPDATE scene SET name = 'Renamed'")
    driver.close()
    session.look_for_changes()
    assert session.scene.name == "Renamed"
