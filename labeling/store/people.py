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
    rows = db.execute("SELECT name, role FROM member ORDER BY change_id, rowid")
    return {name: role for name, role in dict(rows.fetchall()).items() if role != NONE}
