"""Events: single facts. Appended once, by client-made ids, so that replays are harmless."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlite_utils import Database

from labeling.store.schema import LIVE

CHUNK = 500


class NewEvent(NamedTuple):
    """A fact about to be written. `ms` are active milliseconds of human work.

    `context` is JSON of what was on the screen: the model's suggestion, and whether it was shown.
    """

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
    context: str | None = None


class Work(NamedTuple):
    """The active milliseconds of a fact, and whether it is about a pool or a reservoir item."""

    seq: int
    change_id: int
    ms: int
    kind: str
    side: str


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
    "context",
]


def digest(event: Sequence[Any]) -> str:
    """SHA-256 (128 bits of it, hex) of what an event says, so that tampering shows.

    A context that is not there leaves no trace: events from before contexts keep their digest.
    """
    *facts, context = event
    said = facts if context is None else event
    text = "\x1f".join("" if field is None else str(field) for field in said)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def append(db: Database, new: Iterable[NewEvent]) -> int:
    """Append events and return how many were new; an id that is there already is left alone."""
    before = last(db)
    db.conn.executemany(
        f"INSERT INTO event ({', '.join(_COLUMNS)}, digest) "
        f"VALUES ({', '.join('?' * 12)}) ON CONFLICT (event_id) DO NOTHING",
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


def milliseconds(db: Database) -> list[tuple[int, int]]:
    """Active milliseconds by event, where somebody sat at a screen: seq, ms."""
    rows = db.execute("SELECT seq, ms FROM event WHERE ms > 0")
    return [(row[0], row[1]) for row in rows]


def work_since(db: Database, seq: int) -> list[Work]:
    """What came after an event, in order."""
    rows = db.execute(
        "SELECT e.seq, e.change_id, e.ms, e.kind, i.side FROM event e JOIN item i USING (item_id) "
        "WHERE e.seq > ? ORDER BY e.seq",
        (seq,),
    )
    return [Work(*row) for row in rows]


def labels_by_version(db: Database) -> list[tuple[str, str, str, int, int]]:
    """Every label that nobody took back: item, annotator, value, label-set version, seq."""
    rows = db.execute(
        "SELECT item_id, annotator, value, label_set, seq FROM event e "
        f"WHERE kind = 'label' AND {LIVE} ORDER BY seq"
    )
    return [tuple(row) for row in rows]


def label_milliseconds(db: Database) -> list[int]:
    """Active milliseconds of each plain label that somebody gave at a screen."""
    return [r[0] for r in db.execute("SELECT ms FROM event WHERE kind = 'label' AND ms > 0")]


def touches(db: Database, item_ids: Sequence[str]) -> dict[str, list[int]]:
    """The numbers of the events of some items that change something, by item, in order."""
    found: dict[str, list[int]] = {}
    for start in range(0, len(item_ids), CHUNK):
        chunk = tuple(item_ids[start : start + CHUNK])
        marks = ",".join("?" * len(chunk))
        rows = db.execute(
            "SELECT item_id, seq FROM event WHERE kind NOT IN ('flag','skip') "
            f"AND item_id IN ({marks}) ORDER BY seq",
            chunk,
        )
        for item_id, seq in rows:
            found.setdefault(item_id, []).append(seq)
    return found


def touches_of_all(db: Database) -> list[int]:
    """The numbers of all events that change something, in order."""
    return [
        r[0]
        for r in db.execute("SELECT seq FROM event WHERE kind NOT IN ('flag','skip') ORDER BY seq")
    ]


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


_FROM_A_SCREEN = (  # not from a file
    "e.event_id NOT LIKE 'file-%' "
    "AND EXISTS (SELECT 1 FROM change c WHERE c.change_id = e.change_id "
    "  AND c.kind IN ('round','correct','adjudicate'))"
)
_ASKED = (  # answers to a question; a flag that fills a slot is a ruling that was passed on
    f"{_FROM_A_SCREEN} AND (e.kind IN ('label','skip','adjudicate') OR (e.kind = 'flag' "
    "AND EXISTS (SELECT 1 FROM slot s WHERE s.answered_by = e.event_id)))"
)


_ANEW = (  # the same person answered the same item anew
    "EXISTS (SELECT 1 FROM event n WHERE n.item_id = e.item_id AND n.seq > e.seq "
    "  AND n.annotator = e.annotator AND n.kind IN ('label','skip','adjudicate') "
    "  AND (n.kind = 'adjudicate') = (e.kind = 'adjudicate') "
    f"  AND {LIVE.replace('e.event_id', 'n.event_id')})"
)


def last_of(db: Database, annotator: str) -> NewEvent | None:
    """The annotator's newest answer or ruling that stands, for undo."""
    row = db.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM event e WHERE annotator = ? AND {_ASKED} "
        f"AND {LIVE} ORDER BY seq DESC LIMIT 1",
        (annotator,),
    ).fetchone()
    return NewEvent(*row) if row else None


def was_asked(db: Database, event_id: str) -> bool:
    """Whether an event answers a question that was put to somebody."""
    row = db.execute(f"SELECT 1 FROM event e WHERE event_id = ? AND {_ASKED}", (event_id,))
    return row.fetchone() is not None


def history_of(db: Database, annotator: str, *, before: int) -> Iterator[tuple[Any, ...]]:
    """One's own standing answers, newest first: seq, event_id, item, kind, value, at, content.

    An answer that was given anew later is left out. Rows come as they are read.
    """
    rows = db.execute(
        "SELECT e.seq, e.event_id, e.item_id, e.kind, e.value, e.at, i.content "
        "FROM event e JOIN item i USING (item_id) "
        f"WHERE e.annotator = ? AND e.seq < ? AND {_ASKED} AND {LIVE} AND NOT {_ANEW} "
        "ORDER BY e.seq DESC",
        (annotator, before),
    )
    return (tuple(row) for row in rows)


def ruling_of(db: Database, item_id: str) -> str | None:
    """The newest ruling on an item that stands."""
    row = db.execute(
        f"SELECT value FROM event e WHERE item_id = ? AND kind = 'adjudicate' AND {LIVE} "
        "ORDER BY seq DESC LIMIT 1",
        (item_id,),
    ).fetchone()
    return None if row is None else str(row[0])


def has_answered(db: Database, annotator: str, item_id: str) -> bool:
    """Whether somebody ever said anything on an item."""
    row = db.execute(
        "SELECT 1 FROM event WHERE item_id = ? AND annotator = ? LIMIT 1", (item_id, annotator)
    )
    return row.fetchone() is not None


def notes_of(db: Database, annotator: str, item_id: str) -> list[tuple[str, str]]:
    """What somebody noted on an item, oldest first: text, at."""
    rows = db.execute(
        "SELECT value, at FROM event WHERE item_id = ? AND annotator = ? AND kind = 'flag' "
        "ORDER BY seq",
        (item_id, annotator),
    )
    return [(row[0], row[1]) for row in rows]


def edits_of(db: Database, item_id: str) -> dict[str, str | None]:
    """The fields of an item that a repair has changed, with their values now."""
    rows = db.execute(
        f"SELECT value FROM event e WHERE item_id = ? AND kind = 'edit' AND {LIVE} ORDER BY seq",
        (item_id,),
    )
    return {name: value for row in rows for name, value in json.loads(row[0] or "{}").items()}


def edited_since(db: Database, seq: int) -> set[str]:
    """Items that a repair after an event has changed, and that nobody changed back."""
    rows = db.execute(
        f"SELECT DISTINCT item_id FROM event e WHERE seq > ? AND kind = 'edit' AND {LIVE}", (seq,)
    )
    return {row[0] for row in rows}


def standing_label(db: Database, annotator: str, item_id: str) -> str | None:
    """Somebody's standing label on an item; None if it is a skip or there is none."""
    row = db.execute(
        "SELECT value FROM annotation WHERE item_id = ? AND annotator = ? AND kind = 'label'",
        (item_id, annotator),
    ).fetchone()
    return None if row is None else str(row[0])


def recent_ms(db: Database, annotator: str, *, n: int = 50) -> list[int]:
    """Active milliseconds of somebody's newest answers."""
    rows = db.execute(
        "SELECT ms FROM event WHERE annotator = ? AND kind IN ('label','adjudicate') AND ms > 0 "
        "ORDER BY seq DESC LIMIT ?",
        (annotator, n),
    )
    return [row[0] for row in rows]


def lately(db: Database, *, since: str, n: int = 500) -> set[str]:
    """Who has said something at a screen since a moment, among the newest `n` facts."""
    rows = db.execute(
        "SELECT DISTINCT annotator FROM (SELECT * FROM event ORDER BY seq DESC LIMIT ?) AS e "
        f"WHERE e.at >= ? AND {_FROM_A_SCREEN}",
        (n, since),
    )
    return {row[0] for row in rows}


def tally(db: Database, change_id: int, annotator: str) -> list[tuple[str, str | None, int]]:
    """One's own standing facts in a change, the most frequent first: kind, value, how many.

    An answer that was given anew counts once; comments count together.
    """
    rows = db.execute(
        "SELECT kind, CASE kind WHEN 'flag' THEN '' ELSE value END AS said, count(*) FROM event e "
        f"WHERE change_id = ? AND annotator = ? AND kind <> 'retract' AND {LIVE} "
        f"AND (kind = 'flag' OR NOT {_ANEW}) GROUP BY kind, said ORDER BY 3 DESC, 2",
        (change_id, annotator),
    )
    return [tuple(row) for row in rows]


def ms_in(db: Database, change_id: int, annotator: str) -> int:
    """Active milliseconds of somebody in a change, with what was taken back: it was work too."""
    row = db.execute(
        "SELECT coalesce(sum(ms), 0) FROM event WHERE change_id = ? AND annotator = ?",
        (change_id, annotator),
    ).fetchone()
    return int(row[0])


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
    """Items of one change that one annotator has a standing answer, ruling or skip on."""
    row = db.execute(
        "SELECT count(DISTINCT item_id) FROM event e WHERE annotator = ? AND change_id = ? "
        "AND seq > (SELECT after_event FROM change WHERE change_id = ?) "
        f"AND kind IN ('label','adjudicate','skip') AND {LIVE}",
        (annotator, change_id, change_id),
    ).fetchone()
    return int(row[0])


def taken_back_by(db: Database, event_id: str) -> str | None:
    """Who took an event back, if the newest word on it says so."""
    row = db.execute(
        "SELECT kind, annotator FROM event WHERE target = ? ORDER BY seq DESC LIMIT 1", (event_id,)
    ).fetchone()
    return str(row[1]) if row and row[0] == "retract" else None


def is_live(db: Database, event_id: str) -> bool:
    """Whether an event is there and nothing has taken it back."""
    row = db.execute(f"SELECT 1 FROM event e WHERE event_id = ? AND {LIVE}", (event_id,)).fetchone()
    return row is not None
