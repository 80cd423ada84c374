"""The order of scenes in a project and of characters in a scene.

Stored positions only sort; they may have gaps after a removal. What is handed out counts from 0 without gaps.
"""

from sqlalchemy import ColumnElement, Connection, func, select, true

from projects_db.errors import invalid
from projects_db.repositories.rows import update_row
from projects_db.tables import Character, Scene

Ordered = type[Scene] | type[Character]


def next_position(connection: Connection, table: Ordered, among: ColumnElement[bool] | None = None) -> int:
    """Return the stored position behind the last one."""
    last = connection.execute(select(func.max(table.position)).where(_or_all(among))).scalar_one()
    return 0 if last is None else last + 1


def move_to(
    connection: Connection,
    table: Ordered,
    row_id: str,
    position: int,
    among: ColumnElement[bool] | None = None,
) -> None:
    """Put a row at `position` counted from 0, and write only the positions this changes."""
    query = select(table.id, table.position).where(_or_all(among)).order_by(table.position, table.id)
    stored = {row.id: row.position for row in connection.execute(query)}
    if not 0 <= position < len(stored):
        raise invalid(
            f"There is no place {position + 1} in a list of {len(stored)}.",
            f"Choose a place from 1 to {len(stored)}.",
        )
    order = [other for other in stored if other != row_id]
    order.insert(position, row_id)
    for place, other in enumerate(order):
        if stored[other] != place:
            update_row(connection, table, other, {"position": place})


def _or_all(among: ColumnElement[bool] | None) -> ColumnElement[bool]:
    return true() if among is None else among
