"""Files of other schemas: an older one is kept and migrated, a newer one is left alone."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from projects_db import migrator, schema
from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore

REBUILD_SCENES = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_table("mood", sa.Column("id", sa.Text(), primary_key=True))
    with op.batch_alter_table("scene", recreate="always") as batch:
        batch.create_index("ix_scene_prompt", ["prompt"])
    op.execute("UPDATE project SET name = name || ', migrated'")
"""


@pytest.fixture
def newer_masque(tmp_path: Path, monkeypatch):
    """Make this Masque one that knows a second schema."""

    def install(script: str) -> None:
        scripts = tmp_path / "newer migrations 100%"
        shutil.copytree(migrator.SCRIPTS, scripts)
        (scripts / "versions" / "revision_0002.py").write_text(script)
        monkeypatch.setattr(migrator, "SCRIPTS", scripts)
        monkeypatch.setattr(schema, "SCHEMA_REVISIONS", ("0001", "0002"))

    return install


def test_an_older_project_is_kept_as_a_version_and_migrated_with_all_its_rows(
    store: ProjectStore, shot, project_path: Path, newer_masque, is_intact
) -> None:
    scene = store.scene(shot.scene)
    store.close()
    newer_masque(REBUILD_SCENES)
    with ProjectStore.open(project_path) as opened:
        assert opened.project().schema_revision == "0002"
        assert opened.project().name == "Night train, migrated"
        assert opened.scene(shot.scene) == scene
        (version,) = opened.versions()
        assert version.name == "Before the update to schema 0002"
        with opened.change("Edit") as change:
            change.remove_scene(shot.scene)
        opened.revert(change.record)
    assert is_intact(project_path)
    with closing(sqlite3.connect(project_path.parent / "Night train versions" / version.file_name)) as driver:
        assert driver.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    with ProjectStore.open(project_path) as opened:
        assert len(opened.versions()) == 1


def test_a_migration_that_fails_leaves_the_project_as_it_was(
    store: ProjectStore, shot, project_path: Path, newer_masque, content
) -> None:
    store.close()
    before = content(project_path)
    newer_masque(REBUILD_SCENES + "    raise ArithmeticError('half way')\n")
    with pytest.raises(ArithmeticError):
        ProjectStore.open(project_path)
    assert content(project_path) == before


def test_a_migration_that_loses_what_others_refer_to_is_taken_back(
    store: ProjectStore, shot, project_path: Path, newer_masque, content
) -> None:
    store.close()
    before = content(project_path)
    newer_masque(REBUILD_SCENES + "    op.execute('DELETE FROM scene')\n")
    with pytest.raises(ProjectError):
        ProjectStore.open(project_path)
    assert content(project_path) == before


def test_an_older_version_is_migrated_when_it_is_restored(
    store: ProjectStore, shot, project_path: Path, newer_masque
) -> None:
    old = store.save_version("Old")
    store.close()
    newer_masque(REBUILD_SCENES)
    with ProjectStore.open(project_path) as opened:
        opened.restore_version(old.file_name)
        assert opened.project().schema_revision == "0002"
        assert opened.project().name == "Night train, migrated"


def test_a_newer_project_is_refused_naming_both_schemas_and_left_alone(
    store: ProjectStore, project_path: Path
) -> None:
    store.close()
    with closing(sqlite3.connect(project_path)) as driver, driver:
        driver.execute("UPDATE alembic_version SET version_num = '0042'")
    before = project_path.read_bytes()
    with pytest.raises(ProjectError, match=r"its schema is 0042.* up to 0001") as told:
        ProjectStore.open(project_path)
    assert told.value.code == "project_newer"
    assert "Update Masque" in told.value.next_step
    assert project_path.read_bytes() == before
    assert [file.name for file in project_path.parent.iterdir()] == [project_path.name]
