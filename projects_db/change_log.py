"""Which rows a change touched, as SQLite itself saw it: cascades included, values exact.

Temporary triggers of our own connection write every row, before and after, to a temporary table whose
columns have no type, so that nothing is converted on the way. The log is part of the transaction: what is
rolled back was never logged. It is kept in the order of events, so that going through it backwards meets
only states that existed.
"""

import sqlite3

from projects_db.records import RowChange
from projects_db.tables import Row

_TABLES = {table.name: tuple(column.name for column in table.columns) for table in Row.metadata.sorted_tables}
_WIDTH = max(len(columns) for columns in _TABLES.values())
_SIDES = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}
_SLOT = {"OLD": "before", "NEW": "after"}


def start_logging(driver: sqlite3.Connection) -> None:
    """Log every change of this connection from now on, once called outside a transaction."""
    if driver.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'row_log'").fetchone():
        return
    slots = ", ".join(f"{side}_{number}" for side in ("before", "after") for number in range(_WIDTH))
    driver.execute("BEGIN")
    driver.execute(f"CREATE TEMP TABLE row_log (step INTEGER PRIMARY KEY, table_name, event, {slots})")
    for table, columns in _TABLES.items():
        for event in _SIDES:
            driver.execute(_trigger(table, columns, event))
    driver.execute("COMMIT")


def take_log(driver: sqlite3.Connection) -> tuple[RowChange, ...]:
    """Return the rows touched since the last call, in the order of events, and forget them."""
    rows = driver.execute("SELECT * FROM temp.row_log ORDER BY step").fetchall()
    driver.execute("DELETE FROM temp.row_log")
    changes = (_row_change(row) for row in rows)
    return tuple(change for change in changes if change.before != change.after)


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns of a table in their order."""
    return _TABLES[table]


def _trigger(table: str, columns: tuple[str, ...], event: str) -> str:
    slots = [f"{_SLOT[side]}_{number}" for side in _SIDES[event] for number in range(len(columns))]
    values = [f'{side}."{column}"' for side in _SIDES[event] for column in columns]
    return (
        f'CREATE TEMP TRIGGER "log_{table}_{event}" AFTER {event} ON main."{table}" BEGIN '
        f"INSERT INTO row_log (table_name, event, {', '.join(slots)}) "
        f"VALUES ('{table}', '{event}', {', '.join(values)}); END"
    )


def _row_change(row: tuple[object, ...]) -> RowChange:
    table, event = str(row[1]), str(row[2])
    columns = _TABLES[table]
    before = dict(zip(columns, row[3:], strict=False)) if "OLD" in _SIDES[event] else None
    after = dict(zip(columns, row[3 + _WIDTH :], strict=False)) if "NEW" in _SIDES[event] else None
    known = before or after or {}
    return RowChange(table=table, row_id=str(known["id"]), before=before, after=after)
