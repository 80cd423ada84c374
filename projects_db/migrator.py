"""Bringing an older file to the newest schema with Alembic, on the connection the project is open with.

Alembic is imported only when a file is older than this Masque.
"""

from pathlib import Path

from sqlalchemy import Connection

from projects_db.connection import ProjectConnection
from projects_db.sqlite_errors import damaged, told_to_the_user

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(project_connection: ProjectConnection) -> None:
    """Run every migration the file has not had, in one transaction; any error leaves the file as it was.

    Foreign keys are off meanwhile, for a table that is rebuilt must not take its children with it, and are
    checked at the end.
    """
    driver = project_connection.driver
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        with told_to_the_user(project_connection.path), project_connection.writing() as connection:
            run_migrations(connection)
            if driver.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise damaged(project_connection.path)
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def run_migrations(connection: Connection, *, to_revision: str = "head") -> None:
    """Run the migrations in the transaction that is open on `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if not connection.in_transaction():
        # SQLAlchemy and Alembic must know of the caller's transaction, or Alembic commits one of its own.
        connection.begin()
    command.upgrade(config, to_revision)
