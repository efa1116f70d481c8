"""Members: who may do what in a project. Appended to; the newest word on a name stands."""

from __future__ import annotations

from collections.abc import Iterable

from sqlite_utils import Database

NONE = "none"


def add(db: Database, change_id: int, roles: Iterable[tuple[str, str]]) -> None:
    """Append roles: (name, role); the role `none` strikes a name off."""
    db.conn.executemany(
        "INSERT INTO member (change_id, name, role) VALUES (?, ?, ?)",
        [(change_id, name, role) for name, role in roles],
    )


def members(db: Database) -> dict[str, str]:
    """The roles in force by name."""
    newest = {name: role for _, name, role in log(db)}
    return {name: role for name, role in newest.items() if role != NONE}


def log(db: Database) -> list[tuple[int, str, str]]:
    """All roles ever given, oldest first: change, name, role."""
    rows = db.execute("SELECT change_id, name, role FROM member ORDER BY change_id, rowid")
    return [tuple(row) for row in rows]
