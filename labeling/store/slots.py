"""Slots: the places of a queue, one an answer asked for; a lease keeps it for one person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlite_utils import Database

from labeling.store.schema import LIVE


class Slot(NamedTuple):
    """One answer asked for, why, and in which queue."""

    slot_id: int
    queue: str
    change_id: int
    item_id: str
    rank: int
    why: str
    score: float | None


_COLUMNS = "slot_id, queue, change_id, item_id, rank, why, score"
_OPEN = "answered_by IS NULL AND closed = 0"


def publish(db: Database, rows: Iterable[Sequence[Any]]) -> None:
    """Append slots: (queue, change_id, item_id, rank, why, score)."""
    db.conn.executemany(
        "INSERT INTO slot (queue, change_id, item_id, rank, why, score) VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def lease(db: Database, change_id: int, annotator: str, *, now: float, until: float) -> Slot | None:
    """Hand out the next slot: one's own lease again, else the first that nobody holds.

    One statement picks and takes, so two people never get the same slot. In a batch, items that
    the annotator has answered or skipped are passed over. None: nothing is left for this person.
    """
    row = db.execute(
        f"""UPDATE slot SET leased_by = :me, leased_until = :until WHERE slot_id = (
          SELECT s.slot_id FROM slot s
          WHERE s.change_id = :change AND s.answered_by IS NULL AND s.closed = 0
            AND (s.leased_by IS NULL OR s.leased_by = :me OR s.leased_until < :now)
            AND (s.queue = 'relabel' OR NOT EXISTS (
              SELECT 1 FROM annotation a WHERE a.item_id = s.item_id AND a.annotator = :me))
          ORDER BY CASE WHEN s.leased_by = :me THEN 0 ELSE 1 END, s.rank LIMIT 1)
        RETURNING {_COLUMNS}""",
        {"me": annotator, "until": until, "now": now, "change": change_id},
    ).fetchall()
    return Slot(*row[0]) if row else None


def release(db: Database, slot_id: int, annotator: str) -> None:
    """Give a lease back."""
    db.execute(
        "UPDATE slot SET leased_by = NULL, leased_until = NULL WHERE slot_id = ? AND leased_by = ?",
        (slot_id, annotator),
    )


def answer(db: Database, slot_id: int, event_id: str) -> None:
    """The slot is answered by this event, unless an earlier answer fills it."""
    db.execute(
        f"UPDATE slot SET answered_by = ?, leased_by = NULL, leased_until = NULL "
        f"WHERE slot_id = ? AND {_OPEN}",
        (event_id, slot_id),
    )


def answer_by_item(db: Database, answers: Iterable[tuple[str, str]]) -> None:
    """Fill the open batch slots of items that a file answered: (event_id, item_id)."""
    db.conn.executemany(
        "UPDATE slot SET answered_by = ?, leased_by = NULL, leased_until = NULL "
        f"WHERE item_id = ? AND queue = 'batch' AND {_OPEN}",
        answers,
    )


def reopen(
    db: Database, event_id: str, item_id: str, annotator: str, *, until: float, batch: int
) -> None:
    """An answer or skip was undone: its slot is what this person is asked next.

    A slot of an earlier batch moves to the current one, where somebody can find it.
    """
    db.execute(
        f"UPDATE slot SET leased_by = NULL, leased_until = NULL WHERE leased_by = ? AND {_OPEN}",
        (annotator,),
    )
    db.execute(
        "UPDATE slot SET answered_by = NULL, closed = 0, leased_by = ?, leased_until = ?, "
        "change_id = CASE queue WHEN 'batch' THEN ? ELSE change_id END WHERE slot_id = "
        "(SELECT slot_id FROM slot WHERE item_id = ? AND (answered_by = ? OR "
        "  (answered_by IS NULL AND queue = 'batch')) "
        " ORDER BY CASE WHEN answered_by = ? THEN 0 ELSE 1 END, slot_id DESC LIMIT 1)",
        (annotator, until, batch, item_id, event_id, event_id),
    )


def withdraw(db: Database, item_ids: Iterable[str]) -> None:
    """Items were taken out of the data: nobody is asked about them any more."""
    db.conn.executemany(
        f"UPDATE slot SET closed = 1 WHERE item_id = ? AND {_OPEN}", [(i,) for i in item_ids]
    )


def reopen_many(db: Database, event_ids: Iterable[str], *, batch: int) -> None:
    """A whole change was undone: the slots that its answers filled are open again, for anyone."""
    db.conn.executemany(
        "UPDATE slot SET answered_by = NULL, "
        "change_id = CASE queue WHEN 'batch' THEN ? ELSE change_id END "
        "WHERE answered_by = ? AND closed = 0",
        [(batch, event_id) for event_id in event_ids],
    )


def get(db: Database, slot_id: int) -> Slot | None:
    """One slot, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM slot WHERE slot_id = ?", (slot_id,)).fetchone()
    return Slot(*row) if row else None


def close_queue(db: Database, change_id: int, *, now: float) -> None:
    """Take back a queue's open slots, but for those that somebody is answering just now."""
    db.execute(
        f"UPDATE slot SET closed = 1 WHERE change_id = ? AND {_OPEN} "
        "AND (leased_until IS NULL OR leased_until < ?)",
        (change_id, now),
    )


def open_slots(db: Database, change_id: int) -> list[Slot]:
    """What is still asked for in a queue, in order."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM slot WHERE change_id = ? AND {_OPEN} ORDER BY rank", (change_id,)
    )
    return [Slot(*row) for row in rows]


def leased_items(db: Database, *, now: float) -> set[str]:
    """Items that somebody is answering just now."""
    rows = db.execute(f"SELECT item_id FROM slot WHERE {_OPEN} AND leased_until >= ?", (now,))
    return {row[0] for row in rows}


def queued_items(db: Database, queue: str) -> set[str]:
    """Items that an open slot of this kind of queue asks for."""
    rows = db.execute(f"SELECT item_id FROM slot WHERE queue = ? AND {_OPEN}", (queue,))
    return {row[0] for row in rows}


def progress(db: Database, change_id: int) -> tuple[int, int]:
    """How many slots of a queue are answered, and how many there are."""
    row = db.execute(
        "SELECT count(answered_by), count(*) FROM slot WHERE change_id = ?", (change_id,)
    ).fetchone()
    return int(row[0]), int(row[1])


def asked(db: Database) -> list[tuple[str, str, int]]:
    """Why and in which change each item was asked in a batch: item, why, change."""
    rows = db.execute(
        "SELECT item_id, why, change_id FROM slot WHERE queue = 'batch' ORDER BY slot_id"
    )
    return [tuple(row) for row in rows]


def open_relabel_queues(db: Database) -> list[int]:
    """Changes whose relabel queue still has open slots, oldest first."""
    rows = db.execute(
        f"SELECT DISTINCT change_id FROM slot WHERE queue = 'relabel' AND {_OPEN} "
        "ORDER BY change_id"
    )
    return [row[0] for row in rows]


def unfilled(db: Database) -> list[tuple[int, str]]:
    """Open slots of a batch whose item an answer of that very change stands for.

    Items on which an answer was ever taken back are left out: their slots were opened on purpose.
    """
    rows = db.execute(
        f"SELECT s.slot_id, s.item_id FROM slot s WHERE s.{_OPEN.replace(' AND ', ' AND s.')} "
        "AND s.queue = 'batch' AND EXISTS (SELECT 1 FROM event e WHERE e.item_id = s.item_id "
        f"  AND e.change_id = s.change_id AND e.kind = 'label' AND {LIVE}) "
        "AND NOT EXISTS (SELECT 1 FROM event t WHERE t.item_id = s.item_id "
        "  AND t.target IS NOT NULL)"
    )
    return [tuple(row) for row in rows]


def broken(db: Database) -> list[tuple[int, str]]:
    """Slots whose answer is no standing event of their item: (slot_id, item_id)."""
    rows = db.execute(
        "SELECT s.slot_id, s.item_id FROM slot s WHERE s.answered_by IS NOT NULL AND s.closed = 0 "
        "AND NOT EXISTS (SELECT 1 FROM event e WHERE e.event_id = s.answered_by "
        "  AND e.item_id = s.item_id "
        f"  AND {LIVE})"
    )
    return [tuple(row) for row in rows]
