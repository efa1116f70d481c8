"""Vectors that imports brought: float32 bytes an item, only ever appended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlite_utils import Database


def insert(db: Database, change_id: int, rows: Iterable[tuple[str, bytes]]) -> None:
    """Append what one import brought: (item_id, little-endian float32 bytes)."""
    db.conn.executemany(
        "INSERT INTO vector (change_id, item_id, data) VALUES (?, ?, ?)",
        ((change_id, item_id, data) for item_id, data in rows),
    )


def of_changes(db: Database, change_ids: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    """Items with the bytes of their vectors that these imports brought, the oldest first."""
    marks = ",".join("?" * len(change_ids))
    rows = db.execute(
        f"SELECT item_id, data FROM vector WHERE change_id IN ({marks}) ORDER BY vector_seq",
        tuple(change_ids),
    )
    yield from rows


def brought_by(db: Database) -> set[int]:
    """The changes that brought vectors."""
    return {row[0] for row in db.execute("SELECT DISTINCT change_id FROM vector")}
