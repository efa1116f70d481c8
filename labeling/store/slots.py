"""Slots: the places of a queue, one an answer asked for; a lease keeps it for one person."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from sqlite_utils import Database

from labeling.store.schema import LIVE


class Slot(NamedTuple):
    """One answer asked for: in which queue, why, and what the model would have said."""

    slot_id: int
    queue: str
    change_id: int
    item_id: str
    rank: int
    why: str
    score: float | None
    suggested: str | None = None
    probability: float | None = None


class NewSlot(NamedTuple):
    """A slot about to be published."""

    queue: str
    change_id: int
    item_id: str
    rank: int
    why: str
    score: float | None = None
    suggested: str | None = None
    probability: float | None = None


REVIEW = ("relabel", "adjudicate", "verify")
_IN_REVIEW = ", ".join(f"'{queue}'" for queue in REVIEW)
_COLUMNS = "slot_id, queue, change_id, item_id, rank, why, score, suggested, probability"
_OPEN = "answered_by IS NULL AND closed = 0"
_REQUIRED = f"queue IN ('batch', {_IN_REVIEW})"  # named, so that an index finds them


def publish(db: Database, rows: Iterable[NewSlot]) -> None:
    """Append slots."""
    db.conn.executemany(
        f"INSERT INTO slot ({', '.join(NewSlot._fields)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
    )


def held(db: Database, change_id: int, annotator: str) -> list[Slot]:
    """What this person has in hand of a queue, in order: also where the lease has run out."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM slot INDEXED BY slot_held WHERE leased_by = ? AND change_id = ? "
        f"AND {_OPEN} ORDER BY rank",
        (annotator, change_id),
    )
    return [Slot(*row) for row in rows]


def lease(
    db: Database,
    change_id: int,
    annotator: str,
    *,
    now: float,
    until: float,
    n: int = 1,
    extra: bool = False,
) -> list[Slot]:
    """Hand out up to `n` more slots that nobody holds, in order; `extra` ones only if asked for.

    One statement picks and takes, so two people never get the same slot. In a batch, items that
    the annotator has in hand, has answered or skipped are passed over. Walks the open slots in
    order of rank and stops at the n-th free one, so that it costs the same in a pool of any size.
    """
    rows = db.execute(
        f"""UPDATE slot SET leased_by = :me, leased_until = :until WHERE slot_id IN (
          SELECT s.slot_id FROM slot s INDEXED BY slot_open
          WHERE s.change_id = :change AND s.answered_by IS NULL AND s.closed = 0
            AND (s.queue = 'extra') = :extra
            AND (s.leased_by IS NULL OR (s.leased_until < :now AND s.leased_by <> :me))
            AND (s.queue IN ({_IN_REVIEW}) OR NOT EXISTS (
              SELECT 1 FROM annotation a WHERE a.item_id = s.item_id AND a.annotator = :me))
            AND NOT EXISTS (SELECT 1 FROM slot o INDEXED BY slot_item
              WHERE o.item_id = s.item_id AND o.answered_by IS NULL AND o.closed = 0
                AND o.change_id = s.change_id AND o.slot_id <> s.slot_id
                AND (o.queue = 'extra') = :extra
                AND (o.leased_by = :me
                  OR (o.slot_id < s.slot_id AND (o.leased_by IS NULL OR o.leased_until < :now))))
          ORDER BY s.rank LIMIT :n)
        RETURNING {_COLUMNS}""",
        {
            "me": annotator,
            "until": until,
            "now": now,
            "change": change_id,
            "n": n,
            "extra": int(extra),
        },
    ).fetchall()
    return sorted((Slot(*row) for row in rows), key=lambda slot: slot.rank)


def held_of(db: Database, slot_ids: Iterable[int], annotator: str) -> list[Slot]:
    """Those of some slots that are open and in this person's hands."""
    wanted = json.dumps(list(slot_ids))
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM slot WHERE slot_id IN (SELECT value FROM json_each(?)) "
        f"AND leased_by = ? AND {_OPEN} ORDER BY rank",
        (wanted, annotator),
    )
    return [Slot(*row) for row in rows]


def renew(
    db: Database, slot_ids: Iterable[int], annotator: str, *, until: float, stale: float
) -> None:
    """Hold slots longer that are still this person's, where their lease ends before `stale`."""
    db.conn.executemany(
        "UPDATE slot SET leased_until = ? WHERE slot_id = ? AND leased_by = ? "
        f"AND leased_until < ? AND {_OPEN}",
        [(until, slot_id, annotator, stale) for slot_id in slot_ids],
    )


class Demand(NamedTuple):
    """How much a queue can still hand out: slots nobody holds, and people who hold some."""

    free: int
    people: int


def demand(db: Database, change_id: int, annotator: str, *, now: float, most: int) -> Demand:
    """Free slots of a queue, counted up to `most`, and the others who are at work on it."""
    free = db.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM slot WHERE change_id = ? AND {_OPEN} "
        "AND queue <> 'extra' AND (leased_by IS NULL OR leased_until < ?) LIMIT ?)",
        (change_id, now, most),
    ).fetchone()
    others = db.execute(
        "SELECT count(DISTINCT leased_by) FROM slot INDEXED BY slot_held "
        f"WHERE leased_by IS NOT NULL AND {_OPEN} AND change_id = ? AND leased_by <> ? "
        "AND leased_until >= ? AND queue <> 'extra'",
        (change_id, annotator, now),
    ).fetchone()
    return Demand(int(free[0]), int(others[0]))


def release(db: Database, slot_id: int, annotator: str) -> None:
    """Give a lease back."""
    db.execute(
        "UPDATE slot SET leased_by = NULL, leased_until = NULL WHERE slot_id = ? AND leased_by = ?",
        (slot_id, annotator),
    )


def answer(db: Database, slot: Slot, event_id: str, annotator: str) -> None:
    """The slot is answered by this event; if it is filled already, another one of the item is.

    Unless this person has filled one of the item here: several slots ask several people.
    """
    if slot.queue not in REVIEW and _has_filled(db, slot, annotator):
        return
    filled = db.execute(
        f"UPDATE slot SET answered_by = ?, leased_by = NULL, leased_until = NULL "
        f"WHERE slot_id = ? AND {_OPEN}",
        (event_id, slot.slot_id),
    ).rowcount
    if not filled and slot.queue not in REVIEW:
        answer_by_item(db, [(event_id, slot.item_id, annotator)])


def _has_filled(db: Database, slot: Slot, annotator: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM slot f JOIN event e ON e.event_id = f.answered_by "
        "WHERE f.item_id = ? AND f.change_id = ? AND f.slot_id <> ? AND e.annotator = ? LIMIT 1",
        (slot.item_id, slot.change_id, slot.slot_id, annotator),
    ).fetchone()
    return row is not None


def answer_by_item(db: Database, answers: Iterable[tuple[str, str, str]]) -> None:
    """Fill the first open slot of each item that was answered: (event_id, item_id, annotator).

    Not where this person has filled another slot of the item in the same batch.
    """
    db.conn.executemany(
        "UPDATE slot SET answered_by = ?, leased_by = NULL, leased_until = NULL WHERE slot_id = "
        f"(SELECT s.slot_id FROM slot s WHERE s.item_id = ? AND s.queue NOT IN ({_IN_REVIEW}) "
        "AND s.answered_by IS NULL AND s.closed = 0 "
        "AND NOT EXISTS (SELECT 1 FROM slot f JOIN event e ON e.event_id = f.answered_by "
        "  WHERE f.item_id = s.item_id AND f.change_id = s.change_id AND e.annotator = ?) "
        "ORDER BY CASE s.queue WHEN 'batch' THEN 0 ELSE 1 END, s.slot_id LIMIT 1)",
        answers,
    )


def filled_by(db: Database, event_id: str) -> Slot | None:
    """The slot that an answer fills."""
    row = db.execute(f"SELECT {_COLUMNS} FROM slot WHERE answered_by = ?", (event_id,)).fetchone()
    return Slot(*row) if row else None


def another_answer(db: Database, slot: Slot) -> str | None:
    """A standing label on the slot's item, given in its change, that fills no slot: its event."""
    row = db.execute(
        "SELECT e.event_id FROM annotation a JOIN event e ON e.seq = a.seq "
        "WHERE a.item_id = ? AND a.kind = 'label' AND e.change_id = ? "
        "AND NOT EXISTS (SELECT 1 FROM slot f JOIN event o ON o.event_id = f.answered_by "
        "  WHERE f.item_id = a.item_id AND f.change_id = e.change_id "
        "  AND f.slot_id <> ? AND o.annotator = a.annotator) ORDER BY e.seq LIMIT 1",
        (slot.item_id, slot.change_id, slot.slot_id),
    ).fetchone()
    return None if row is None else str(row[0])


def refill(db: Database, slot: Slot, event_id: str) -> None:
    """The answer that filled a slot was undone, and another one stands for it."""
    db.execute("UPDATE slot SET answered_by = ? WHERE slot_id = ?", (event_id, slot.slot_id))


def skipped_slot(db: Database, item_id: str, annotator: str, *, now: float) -> Slot | None:
    """The open slot of an item whose skip was undone, unless it is with somebody else by now."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM slot s WHERE item_id = :item AND {_OPEN} "
        f"AND queue NOT IN ({_IN_REVIEW}) "
        "AND (leased_by IS NULL OR leased_by = :me OR leased_until < :now) "
        "AND NOT EXISTS (SELECT 1 FROM annotation a WHERE a.item_id = s.item_id "
        "  AND a.annotator = :me AND a.kind = 'label') "
        "ORDER BY CASE queue WHEN 'batch' THEN 0 ELSE 1 END, slot_id DESC LIMIT 1",
        {"item": item_id, "me": annotator, "now": now},
    ).fetchone()
    return Slot(*row) if row else None


def reopen(db: Database, slot: Slot, annotator: str, *, until: float, batch: int) -> None:
    """A slot's answer or skip was undone: it is in this person's hands again.

    A slot of an earlier batch comes first in the current one.
    """
    db.execute(
        "UPDATE slot SET answered_by = NULL, closed = 0, leased_by = :me, leased_until = :until, "
        f"rank = CASE WHEN queue IN ({_IN_REVIEW}) OR change_id = :batch THEN rank ELSE 0 END, "
        f"change_id = CASE WHEN queue IN ({_IN_REVIEW}) THEN change_id ELSE :batch END "
        "WHERE slot_id = :slot",
        {"me": annotator, "until": until, "batch": batch, "slot": slot.slot_id},
    )


def answers(db: Database) -> set[str]:
    """The events that answer a question: they fill a slot."""
    rows = db.execute("SELECT answered_by FROM slot WHERE answered_by IS NOT NULL")
    return {row[0] for row in rows}


def withdraw(db: Database, item_ids: Iterable[str]) -> None:
    """Items were taken out of the data: nobody is asked about them any more."""
    db.conn.executemany(
        f"UPDATE slot SET closed = 1 WHERE item_id = ? AND {_OPEN}", [(i,) for i in item_ids]
    )


def reopen_many(db: Database, event_ids: Iterable[str], *, batch: int) -> None:
    """A whole change was undone: the slots that its answers filled are open again, for anyone."""
    db.conn.executemany(
        "UPDATE slot SET answered_by = NULL, "
        f"change_id = CASE WHEN queue IN ({_IN_REVIEW}) THEN change_id ELSE ? END "
        "WHERE answered_by = ? AND closed = 0",
        [(batch, event_id) for event_id in event_ids],
    )


def get(db: Database, slot_id: int) -> Slot | None:
    """One slot, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM slot WHERE slot_id = ?", (slot_id,)).fetchone()
    return Slot(*row) if row else None


def close_queue(db: Database, change_id: int, *, now: float) -> None:
    """Take back a queue's open slots, but for those that somebody is answering just now.

    Of the next-best items behind a batch nothing stays: most were never asked.
    """
    db.execute(
        f"DELETE FROM slot WHERE change_id = ? AND queue = 'extra' AND {_OPEN} "
        "AND (leased_until IS NULL OR leased_until < ?)",
        (change_id, now),
    )
    db.execute(
        f"UPDATE slot SET closed = 1 WHERE change_id = ? AND {_OPEN} "
        "AND (leased_until IS NULL OR leased_until < ?)",
        (change_id, now),
    )


def open_slots(db: Database, change_id: int) -> list[Slot]:
    """What a queue still requires, in order: without second opinions and next-best items."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM slot WHERE change_id = ? AND {_REQUIRED} AND {_OPEN} "
        "ORDER BY rank",
        (change_id,),
    )
    return [Slot(*row) for row in rows]


def has_extra(db: Database, change_id: int) -> bool:
    """Whether next-best items are left that nobody has answered."""
    row = db.execute(
        f"SELECT 1 FROM slot WHERE change_id = ? AND queue = 'extra' AND {_OPEN} LIMIT 1",
        (change_id,),
    ).fetchone()
    return row is not None


def leased_items(db: Database, *, now: float) -> set[str]:
    """Items that somebody is answering just now."""
    rows = db.execute(f"SELECT item_id FROM slot WHERE {_OPEN} AND leased_until >= ?", (now,))
    return {row[0] for row in rows}


def queued_items(db: Database, queue: str) -> set[str]:
    """Items that an open slot of this kind of queue asks for."""
    rows = db.execute(f"SELECT item_id FROM slot WHERE queue = ? AND {_OPEN}", (queue,))
    return {row[0] for row in rows}


def progress(db: Database, change_id: int) -> tuple[int, int]:
    """How many of the answers that a queue requires are there, and how many it requires."""
    row = db.execute(
        f"SELECT count(answered_by), count(*) FROM slot WHERE change_id = ? AND {_REQUIRED}",
        (change_id,),
    ).fetchone()
    return int(row[0]), int(row[1])


def answered_by(db: Database, change_id: int, annotator: str) -> int:
    """How many of the answers that a queue requires somebody has given."""
    row = db.execute(
        "SELECT count(*) FROM event e JOIN slot s ON s.answered_by = e.event_id "
        "WHERE e.annotator = ? AND e.seq > (SELECT after_event FROM change WHERE change_id = ?) "
        f"AND s.change_id = ? AND s.{_REQUIRED}",
        (annotator, change_id, change_id),
    ).fetchone()
    return int(row[0])


def n_items(db: Database, change_id: int) -> int:
    """How many items a queue requires answers for; with an overlap these are fewer than answers."""
    row = db.execute(
        f"SELECT count(DISTINCT item_id) FROM slot WHERE change_id = ? AND {_REQUIRED}",
        (change_id,),
    ).fetchone()
    return int(row[0])


def is_review(db: Database, change_id: int) -> bool:
    """Whether a change has a review queue, open or worked off."""
    row = db.execute(
        f"SELECT 1 FROM slot WHERE change_id = ? AND queue IN ({_IN_REVIEW}) LIMIT 1", (change_id,)
    ).fetchone()
    return row is not None


def is_held(db: Database, item_id: str, annotator: str) -> bool:
    """Whether somebody has a slot of this item in hand."""
    row = db.execute(
        f"SELECT 1 FROM slot WHERE item_id = ? AND leased_by = ? AND {_OPEN} LIMIT 1",
        (item_id, annotator),
    ).fetchone()
    return row is not None


def unfilled(db: Database) -> list[tuple[int, str]]:
    """Open slots of a batch though more people answered the item in it than slots are filled.

    Items on which an answer was ever taken back are left out: their slots were opened on purpose.
    """
    rows = db.execute(
        f"SELECT s.slot_id, s.item_id FROM slot s WHERE s.{_OPEN.replace(' AND ', ' AND s.')} "
        "AND s.queue = 'batch' AND (SELECT count(DISTINCT e.annotator) FROM event e "
        "  WHERE e.item_id = s.item_id AND e.change_id = s.change_id AND e.kind = 'label' "
        f"  AND {LIVE}) > (SELECT count(*) FROM slot f WHERE f.item_id = s.item_id "
        "  AND f.change_id = s.change_id AND f.answered_by IS NOT NULL) "
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
