"""Events: single facts. Appended once, by client-made ids, so that replays are harmless."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlite_utils import Database

from labeling.store.schema import LIVE


class NewEvent(NamedTuple):
    """A fact about to be written. `ms` are active milliseconds of human work."""

    event_id: str
    change_id: int
    kind: str
    item_id: str
    annotator: str
    value: str | None
    ms: int
    label_set: int
    target: str | None
    at: str


_COLUMNS = [
    "event_id",
    "change_id",
    "kind",
    "item_id",
    "annotator",
    "value",
    "ms",
    "label_set",
    "target",
    "at",
]


def digest(event: Sequence[Any]) -> str:
    """SHA-256 (128 bits of it, hex) of what an event says, so that tampering shows."""
    text = "\x1f".join("" if field is None else str(field) for field in event)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def append(db: Database, new: Iterable[NewEvent]) -> int:
    """Append events and return how many were new; an id that is there already is left alone."""
    before = last(db)
    db.conn.executemany(
        f"INSERT INTO event ({', '.join(_COLUMNS)}, digest) "
        f"VALUES ({', '.join('?' * 11)}) ON CONFLICT (event_id) DO NOTHING",
        ((*event, digest(event)) for event in new),
    )
    return last(db) - before


def last(db: Database) -> int:
    """The sequence number of the newest event, 0 if there is none."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0])


def log(db: Database, *, upto: int | None = None) -> list[tuple[Any, ...]]:
    """Events as (seq, event_id, change_id, change kind, kind, item, annotator, value, target)."""
    rows = db.execute(
        "SELECT e.seq, e.event_id, e.change_id, c.kind, e.kind, e.item_id, e.annotator, e.value, "
        "e.target FROM event e JOIN change c USING (change_id) WHERE e.seq <= ? ORDER BY e.seq",
        (2**62 if upto is None else upto,),
    )
    return [tuple(row) for row in rows]


def table(db: Database) -> list[tuple[Any, ...]]:
    """Every event with all its columns, in order."""
    columns = ["seq", *_COLUMNS, "digest"]
    rows = db.execute(f"SELECT {', '.join(columns)} FROM event ORDER BY seq")
    return [tuple(row) for row in rows]


TABLE_COLUMNS = ["seq", *_COLUMNS, "digest"]


def of_change(db: Database, change_id: int) -> list[NewEvent]:
    """The events of one change that nothing has retracted, in order."""
    rows = db.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM event e WHERE change_id = ? AND {LIVE} ORDER BY seq",
        (change_id,),
    )
    return [NewEvent(*row) for row in rows]


def get(db: Database, event_id: str) -> NewEvent | None:
    """One event, or None."""
    row = db.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM event WHERE event_id = ?", (event_id,)
    ).fetchone()
    return NewEvent(*row) if row else None


def last_of(db: Database, annotator: str) -> NewEvent | None:
    """The annotator's newest answer or ruling that stands, for undo."""
    row = db.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM event e WHERE annotator = ? "
        "AND kind IN ('label','skip','adjudicate') "
        "AND EXISTS (SELECT 1 FROM change c WHERE c.change_id = e.change_id "
        "  AND c.kind IN ('round','correct')) "
        f"AND {LIVE} "
        "ORDER BY seq DESC LIMIT 1",
        (annotator,),
    ).fetchone()
    return NewEvent(*row) if row else None


def answers(db: Database) -> list[tuple[str, str, str, str | None, int]]:
    """Standing answers from the derived table: item, annotator, kind, value, seq."""
    rows = db.execute(
        "SELECT item_id, annotator, kind, value, seq FROM annotation ORDER BY item_id, annotator"
    )
    return [tuple(row) for row in rows]


def standing(db: Database) -> list[tuple[str, str, str, str | None, int]]:
    """The same, worked out anew from the log: what `answers` must equal."""
    rows = db.execute(
        "SELECT item_id, annotator, kind, value, seq FROM standing ORDER BY item_id, annotator"
    )
    return [tuple(row) for row in rows]


def annotations_of(db: Database, item_id: str) -> list[tuple[str, str, str | None]]:
    """Standing answers of one item, oldest first: annotator, kind, value."""
    rows = db.execute(
        "SELECT annotator, kind, value FROM annotation WHERE item_id = ? ORDER BY seq", (item_id,)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def count_of(db: Database, change_id: int, annotator: str) -> int:
    """Standing labels and rulings of one annotator in one change."""
    row = db.execute(
        "SELECT count(*) FROM event e WHERE change_id = ? AND annotator = ? "
        "AND kind IN ('label','adjudicate') "
        f"AND {LIVE}",
        (change_id, annotator),
    ).fetchone()
    return int(row[0])


def is_live(db: Database, event_id: str) -> bool:
    """Whether an event is there and nothing has taken it back."""
    row = db.execute(f"SELECT 1 FROM event e WHERE event_id = ? AND {LIVE}", (event_id,)).fetchone()
    return row is not None
