"""The schema of a project file: which revisions there are, how a new file gets it, how it is checked.

A new file is made from the tables at once and stamped, which needs no Alembic; the tests hold the result
against the one the migrations make. SCHEMA_REVISIONS lists every migration, oldest first.
"""

import sqlite3

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, select

from projects_db.tables import Row

SCHEMA_REVISIONS = ("0001",)
_APPLICATION_ID = int.from_bytes(b"MASQ", "big")

_VERSION_TABLE = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def newest_revision() -> str:
    """Return the revision this Masque writes."""
    return SCHEMA_REVISIONS[-1]


def is_known(revision: str | None) -> bool:
    """Tell whether this Masque can read a file of this revision, perhaps by migrating it."""
    return revision in SCHEMA_REVISIONS


def create_schema(connection: Connection) -> None:
    """Make every table in an empty file and stamp it with the newest revision."""
    _VERSION_TABLE.create(connection)
    Row.metadata.create_all(connection, checkfirst=False)
    connection.execute(_VERSION_TABLE.insert().values(version_num=newest_revision()))
    connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")


def stored_revision(connection: Connection) -> str:
    """Return the revision the file is stamped with."""
    return str(connection.execute(select(_VERSION_TABLE.c.version_num)).scalar_one())


def is_ours(driver: sqlite3.Connection) -> bool:
    """Tell whether the database was made by Masque."""
    answer: tuple[int] = driver.execute("PRAGMA application_id").fetchone()
    return answer == (_APPLICATION_ID,)


def driver_revision(driver: sqlite3.Connection) -> str | None:
    """Return the revision the file is stamped with, or None where it has not exactly one."""
    if not driver.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    stamps = driver.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(stamps[0][0]) if len(stamps) == 1 else None


def is_intact(driver: sqlite3.Connection) -> bool:
    """Tell whether SQLite finds every page and index of the file in order."""
    answer: tuple[str] = driver.execute("PRAGMA quick_check(1)").fetchone()
    return answer == ("ok",)


def has_tables(driver: sqlite3.Connection) -> bool:
    """Tell whether a file of the newest revision has the columns it should have and one project row."""
    for table in Row.metadata.sorted_tables:
        columns = [row[1] for row in driver.execute(f'PRAGMA table_info("{table.name}")')]
        if columns != [column.name for column in table.columns]:
            return False
    count: int = driver.execute("SELECT count(*) FROM project").fetchone()[0]
    return count == 1
