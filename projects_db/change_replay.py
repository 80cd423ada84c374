"""Undo and redo: the rows of a change as they were before or after it, or a conflict and nothing."""

import sqlite3

from projects_db.change_log import columns_of, take_log
from projects_db.errors import ProjectError
from projects_db.records import ChangeRecord, RowChange
from projects_db.sqlite_errors import primary_code


def reversed_record(record: ChangeRecord) -> ChangeRecord:
    """Return the change that takes `record` back: its rows the other way round, the last one first."""
    rows = tuple(
        RowChange(table=row.table, row_id=row.row_id, before=row.after, after=row.before)
        for row in reversed(record.rows)
    )
    return ChangeRecord(name=record.name, rows=rows)


def replay(driver: sqlite3.Connection, record: ChangeRecord) -> None:
    """Make the record's row changes in the transaction that is open.

    Raises ProjectError "conflict" when a row is not as it was before, when a rule of the project forbids it
    now, or when it would take other rows with it; the caller then rolls back.
    """
    try:
        for row in record.rows:
            if _current(driver, row) != row.before:
                raise _conflict(record)
            _apply(driver, row)
    except sqlite3.IntegrityError as error:
        if primary_code(error) != sqlite3.SQLITE_CONSTRAINT:
            raise
        raise _conflict(record) from error
    if take_log(driver) != record.rows:
        raise _conflict(record)


def _current(driver: sqlite3.Connection, row: RowChange) -> dict[str, object] | None:
    columns = columns_of(row.table)
    names = ", ".join(f'"{column}"' for column in columns)
    query = f'SELECT {names} FROM main."{row.table}" WHERE id = ?'
    found = driver.execute(query, (row.row_id,)).fetchone()
    return None if found is None else dict(zip(columns, found, strict=True))


def _apply(driver: sqlite3.Connection, row: RowChange) -> None:
    if row.after is None:
        driver.execute(f'DELETE FROM main."{row.table}" WHERE id = ?', (row.row_id,))
    elif row.before is None:
        names = ", ".join(f'"{column}"' for column in row.after)
        places = ", ".join("?" for _ in row.after)
        values = tuple(row.after.values())
        driver.execute(f'INSERT INTO main."{row.table}" ({names}) VALUES ({places})', values)
    else:
        settings = ", ".join(f'"{column}" = ?' for column in row.after)
        values = (*row.after.values(), row.row_id)
        driver.execute(f'UPDATE main."{row.table}" SET {settings} WHERE id = ?', values)


def _conflict(record: ChangeRecord) -> ProjectError:
    return ProjectError(
        f"“{record.name}” cannot be undone or redone: the project was changed elsewhere since.",
        next_step="Look at the project as it is now and make the edit by hand.",
        code="conflict",
    )
