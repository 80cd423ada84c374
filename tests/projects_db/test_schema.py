"""One schema, whether it is made at once or by the migrations, and what it refuses by itself."""

import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from projects_db import migrator, schema
from projects_db.connection import ProjectConnection
from projects_db.project_store import ProjectStore
from projects_db.tables import Row


def _schema_of(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as driver:
        return sorted(
            (kind, name, " ".join(text.split()))
            for kind, name, text in driver.execute(
                "SELECT type, name, sql FROM sqlite_master WHERE sql != ''"
            )
        )


@pytest.fixture
def migrated_path(tmp_path: Path) -> Path:
    path = tmp_path / "migrated.masque"
    path.touch()
    connection = ProjectConnection(path)
    with connection.writing() as writing:
        migrator.run_migrations(writing)
    connection.close()
    return path


def test_the_migrations_make_the_very_schema_a_new_file_gets(
    store: ProjectStore, project_path: Path, migrated_path: Path
) -> None:
    store.close()
    assert _schema_of(migrated_path) == _schema_of(project_path)
    assert len(_schema_of(project_path)) > 20


def test_alembic_finds_nothing_to_migrate_in_a_new_file(store: ProjectStore, project_path: Path) -> None:
    connection = ProjectConnection(project_path)
    try:
        context = MigrationContext.configure(connection.connection)
        assert compare_metadata(context, Row.metadata) == []
    finally:
        connection.close()


def test_every_migration_is_listed_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrator.SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(revisions)) == schema.SCHEMA_REVISIONS


def test_every_constraint_has_a_name_by_the_convention() -> None:
    for table in Row.metadata.sorted_tables:
        for constraint in table.constraints:
            prefix = str(constraint.name).split("_")[0]
            assert prefix in ("pk", "uq", "ck", "fk"), constraint
        assert [column.name for column in table.primary_key] == ["id"]


def test_every_foreign_key_is_the_beginning_of_an_index(store: ProjectStore, project_path: Path) -> None:
    with closing(sqlite3.connect(project_path)) as driver:
        for table in Row.metadata.sorted_tables:
            indices = [row[1] for row in driver.execute(f"PRAGMA index_list({table.name})")]
            first = {driver.execute(f"PRAGMA index_info({index})").fetchone()[2] for index in indices}
            assert {key.parent.name for key in table.foreign_keys} <= first, table.name


@pytest.mark.parametrize(
    ("table", "setting"),
    [
        ("project", "frame_rate = '0/1'"),
        ("project", "frame_rate = '24'"),
        ("project", "name = ''"),
        ("project", "only_one = 2"),
        ("media_asset", "kind = 'text'"),
        ("media_asset", "size_bytes = -1"),
        ("media_asset", "missing = 2"),
        ("scene", "length_frames = 0"),
        ("scene", "plate_asset_id = 'gone'"),
        ("character", "colour = 'red'"),
        ("character", "colour = '#12345g'"),
        ("face_region", "feather = 1.5"),
        ("face_region_key", "width = 0"),
        ("face_region_key", "x = 0.9"),
        ("driving_clip", "length_frames = 0"),
        ("driving_clip", "source_in_s = '-1/2'"),
        ("driving_clip", "speed = '0/1'"),
        ("driving_clip", "loop_mode = 'round'"),
        ("driving_clip", "start_frame = -1"),
        ("voice_clip", "fade_in_s = '-1/2'"),
        ("intensity_curve", "channel = 'nose'"),
        ("curve_key", "interpolation = 'spline'"),
        ("curve_key", "value = NULL"),
        ("marker", "scope = 'other'"),
        ("take", "rating = 6"),
        ("take", "status = 'lost'"),
        ("take", "number = 0"),
        ("take_file", "size_bytes = -1"),
        ("render_preset", "name = ''"),
    ],
)
def test_the_file_itself_refuses_what_makes_no_sense(
    store: ProjectStore, shot, project_path: Path, table: str, setting: str
) -> None:
    with closing(sqlite3.connect(project_path)) as driver:
        driver.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            driver.execute(f"UPDATE {table} SET {setting}")


def test_rationals_are_stored_exactly(store: ProjectStore, project_path: Path) -> None:
    rate = Fraction(24000, 1001)
    with closing(sqlite3.connect(project_path)) as driver:
        assert driver.execute("SELECT frame_rate FROM project").fetchone() == ("24000/1001",)
    assert store.project().frame_rate == rate
