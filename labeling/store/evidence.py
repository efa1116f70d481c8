"""What the log and the queues together say of an item and of the people at work. Reads only."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlite_utils import Database

from labeling.store.schema import LIVE
from labeling.store.slots import REVIEW

DOUBT = "doubt"  # why a label is asked again that the model doubts
RECENT_EVENTS = 20_000  # a day of some forty people: what "today" is looked for in
_IN_REVIEW = ", ".join(f"'{queue}'" for queue in REVIEW)


class Vote(NamedTuple):
    """A standing label of an item that is in dispute."""

    item_id: str
    annotator: str
    label: str


class Said(NamedTuple):
    """A live event of an item; a label that its annotator has replaced since is left out."""

    annotator: str
    kind: str
    value: str | None
    at: str
    ms: int


class ReviewQueue(NamedTuple):
    """A queue of rulings with what is open and answered in it, and its active seconds."""

    change_id: int
    queue: str
    title: str
    author: str
    at: str
    open: int
    answered: int
    seconds: float


class Lease(NamedTuple):
    """How many slots of a queue somebody holds."""

    annotator: str
    change_id: int
    held: int


class Answer(NamedTuple):
    """An answer or ruling just given."""

    annotator: str
    change_id: int
    at: str
    ms: int


class Suggested(NamedTuple):
    """A label of a pool item, given while the model had a suggestion.

    `setting` counts how often the share of hidden suggestions had been set by then.
    """

    item_id: str
    annotator: str
    label: str
    ms: int
    context: dict[str, Any]
    change_id: int
    setting: int


def disputed(db: Database) -> list[Vote]:
    """The labels of items whose standing labels differ and that no later ruling settles.

    Labels that merely came along in a file for reservoir items measure nothing and settle
    nothing, so they dispute nothing.
    """
    rows = db.execute(
        f"""WITH apart AS MATERIALIZED (
          SELECT item_id FROM annotation WHERE kind = 'label'
          GROUP BY item_id HAVING min(value) <> max(value)),
        vote AS MATERIALIZED (
          SELECT a.item_id, a.annotator, a.value, a.seq
          FROM apart JOIN annotation a USING (item_id) JOIN item i USING (item_id)
          WHERE a.kind = 'label'
            AND NOT (i.side = 'reservoir' AND a.annotator LIKE 'import:%')),
        dispute AS MATERIALIZED (
          SELECT item_id, max(seq) AS newest FROM vote
          GROUP BY item_id HAVING min(value) <> max(value))
        SELECT v.item_id, v.annotator, v.value FROM vote v JOIN dispute d USING (item_id)
        WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.item_id = d.item_id
          AND e.kind = 'adjudicate' AND e.seq > d.newest AND {LIVE})
        ORDER BY v.seq"""
    )
    return [Vote(*row) for row in rows]


def of_item(db: Database, item_id: str) -> list[Said]:
    """What stands of an item, oldest first: each annotator's answer, the flags, the rulings."""
    rows = db.execute(
        "SELECT e.annotator, e.kind, e.value, e.at, e.ms FROM event e WHERE e.item_id = ? "
        "AND (e.kind IN ('flag','adjudicate') OR EXISTS (SELECT 1 FROM annotation a "
        "  WHERE a.item_id = e.item_id AND a.annotator = e.annotator AND a.seq = e.seq)) "
        f"AND {LIVE} ORDER BY e.seq",
        (item_id,),
    )
    return [Said(*row) for row in rows]


def review_queues(db: Database) -> list[ReviewQueue]:
    """Every queue of rulings there ever was, oldest first."""
    rows = db.execute(
        f"""SELECT c.change_id, s.queue, c.title, c.author, c.at,
          sum(s.answered_by IS NULL AND s.closed = 0), count(s.answered_by),
          (SELECT coalesce(sum(ms), 0) / 1000.0 FROM event e WHERE e.change_id = c.change_id)
        FROM slot s JOIN change c USING (change_id) WHERE s.queue IN ({_IN_REVIEW})
        GROUP BY c.change_id ORDER BY c.change_id"""
    )
    return [ReviewQueue(*row) for row in rows]


def queued_for_review(db: Database) -> set[str]:
    """Items that wait for a ruling in any queue."""
    rows = db.execute(
        f"SELECT item_id FROM slot WHERE queue IN ({_IN_REVIEW}) "
        "AND answered_by IS NULL AND closed = 0"
    )
    return {row[0] for row in rows}


def leases(db: Database, *, now: float) -> list[Lease]:
    """Who holds how many open slots of which queue just now."""
    rows = db.execute(
        "SELECT leased_by, change_id, count(*) FROM slot WHERE leased_by IS NOT NULL "
        "AND answered_by IS NULL AND closed = 0 AND leased_until >= ? "
        "GROUP BY leased_by, change_id ORDER BY leased_by, count(*) DESC",
        (now,),
    )
    return [Lease(*row) for row in rows]


def answers_since(db: Database, at: str) -> list[Answer]:
    """Answers given in a browser since a moment, oldest first, among the newest RECENT_EVENTS.

    Those of files are left out: nobody sat there and answered.
    """
    rows = db.execute(
        "SELECT e.annotator, e.change_id, e.at, e.ms FROM event e JOIN change c USING (change_id) "
        "WHERE e.seq > (SELECT coalesce(max(seq), 0) FROM event) - ? AND e.at >= ? "
        "AND e.kind IN ('label','skip','adjudicate') AND e.event_id NOT LIKE 'file-%' "
        "AND c.kind NOT IN ('import','gold') ORDER BY e.seq",
        (RECENT_EVENTS, at),
    )
    return [Answer(*row) for row in rows]


def suggested(db: Database) -> list[Suggested]:
    """Labels of pool items given while the model had a suggestion, oldest first.

    A correction made later, with nothing on the screen, leaves the first answer in place; one
    that was taken back does not count.
    """
    rows = db.execute(
        "SELECT e.item_id, e.annotator, e.value, e.ms, e.context, e.change_id, "
        "(SELECT count(*) FROM setting s JOIN change c USING (change_id) "
        "  WHERE s.key = 'suggestions_hidden' AND c.after_event < e.seq) "
        "FROM event e JOIN item i USING (item_id) "
        f"WHERE e.context IS NOT NULL AND e.kind = 'label' AND i.side = 'pool' AND {LIVE} "
        "ORDER BY e.seq"
    )
    return [
        Suggested(item, who, label, ms, json.loads(context), change_id, setting)
        for item, who, label, ms, context, change_id, setting in rows
    ]


def reasons(db: Database) -> dict[str, str]:
    """Why each item was last asked, by item, in a batch or as a next-best item behind one.

    A next-best item counts once it was answered at a screen, where they come in order; a file
    answers those that somebody picked.
    """
    rows = db.execute(
        "SELECT item_id, why, queue = 'batch' OR (answered_by IS NOT NULL "
        "AND answered_by NOT LIKE 'file-%') FROM slot WHERE queue IN ('batch','extra') "
        "ORDER BY slot_id"
    )
    newest = {item: (why, counts) for item, why, counts in rows}
    return {item: why for item, (why, counts) in newest.items() if counts}


def asked_in(db: Database) -> dict[str, int]:
    """The batch that each item was last asked in, or behind, by item: its change."""
    rows = db.execute(
        "SELECT item_id, change_id FROM slot WHERE queue IN ('batch','extra') ORDER BY slot_id"
    )
    return {row[0]: row[1] for row in rows}


def label_set_makers(db: Database) -> dict[int, tuple[str, str]]:
    """Who made each version of the label set, and when."""
    rows = db.execute("SELECT version, author, at FROM label_set JOIN change USING (change_id)")
    return {row[0]: (row[1], row[2]) for row in rows}


def random_pairs(db: Database) -> tuple[int, int]:
    """Pairs of labels by two people who were asked about an item at random: how many differ, all.

    Items that were asked again because a model doubted them are no random ones.
    """
    row = db.execute(
        "SELECT coalesce(sum(a.value <> b.value), 0), count(*) FROM slot s "
        "JOIN event b ON b.event_id = s.answered_by "
        "JOIN slot f ON f.item_id = s.item_id AND f.change_id = s.change_id "
        "  AND f.queue = 'batch' AND f.slot_id < s.slot_id "
        "JOIN event a ON a.event_id = f.answered_by "
        "WHERE s.queue IN ('batch','second') AND s.why <> ? "
        "AND a.kind = 'label' AND b.kind = 'label' AND a.annotator <> b.annotator",
        (DOUBT,),
    ).fetchone()
    return int(row[0]), int(row[1])


def opinions(db: Database) -> list[tuple[int, str, int, int, float]]:
    """Labels given in a batch by change and kind: how many, how many differ, seconds of work.

    The kinds are first, random (asked of one more person at random) and doubted; a label differs
    if somebody else's first one was another.
    """
    rows = db.execute(
        "SELECT change_id, kind, count(*), coalesce(sum(value <> other), 0), sum(ms) / 1000.0 "
        "FROM (SELECT s.change_id, e.value, e.ms, CASE WHEN s.queue <> 'second' THEN 'first' "
        "    WHEN s.why = ? THEN 'doubted' ELSE 'random' END AS kind, "
        "  (SELECT o.value FROM event o WHERE o.item_id = e.item_id AND o.kind = 'label' "
        "    AND o.annotator <> e.annotator AND o.seq < e.seq ORDER BY o.seq LIMIT 1) AS other "
        "  FROM slot s JOIN event e ON e.event_id = s.answered_by "
        "  WHERE s.queue IN ('batch','second','extra') AND e.kind = 'label') AS given "
        "GROUP BY change_id, kind ORDER BY change_id, kind",
        (DOUBT,),
    )
    return [tuple(row) for row in rows]
