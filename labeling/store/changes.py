"""Changes: named acts on the data, with the settings and label sets that they bring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlite_utils import Database


class Change(NamedTuple):
    """One named act on the data."""

    change_id: int
    kind: str
    title: str
    author: str
    at: str
    seconds: float
    after_event: int
    answers: str | None
    payload: dict[str, Any]


class LabelSet(NamedTuple):
    """The allowed classes with their guideline, versioned from 1.

    `examples` by class: {"means": text, "examples": [text, ...]}. In a `multi` label set an item
    has any number of classes.
    """

    version: int
    classes: tuple[str, ...]
    guideline: str
    examples: Mapping[str, Any] = MappingProxyType({})
    multi: bool = False


def add(
    db: Database,
    kind: str,
    *,
    title: str,
    author: str,
    at: str,
    seconds: float = 0.0,
    answers: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> int:
    """Append a change and return its id."""
    rows = db.execute(
        "INSERT INTO change (kind, title, author, at, seconds, after_event, answers, payload) "
        "VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(seq), 0) FROM event), ?, ?) "
        "RETURNING change_id",
        (kind, title, author, at, seconds, answers, json.dumps(payload or {}, ensure_ascii=False)),
    ).fetchall()
    return int(rows[0][0])


def _change(row: Any) -> Change:
    return Change._make([*row[:8], json.loads(row[8])])


_COLUMNS = "change_id, kind, title, author, at, seconds, after_event, answers, payload"


def get(db: Database, change_id: int) -> Change | None:
    """One change, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM change WHERE change_id = ?", (change_id,)).fetchone()
    return _change(row) if row else None


def every(db: Database) -> list[Change]:
    """All changes in the order they were made."""
    return [_change(row) for row in db.execute(f"SELECT {_COLUMNS} FROM change ORDER BY change_id")]


def newest(db: Database) -> int:
    """The number of the newest change; 0 before the first."""
    return int(db.execute("SELECT coalesce(max(change_id), 0) FROM change").fetchone()[0])


def last_batch(db: Database) -> int:
    """The change of the newest batch. Raises LookupError in a project without one."""
    row = db.execute(
        "SELECT change_id FROM change WHERE kind = 'round' "
        "AND json_extract(payload, '$.round') IS NOT NULL ORDER BY change_id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise LookupError("the project has no batch")
    return int(row[0])


def event_sums(db: Database) -> dict[int, tuple[int, float]]:
    """Events and active seconds by change."""
    rows = db.execute("SELECT change_id, count(*), sum(ms) / 1000.0 FROM event GROUP BY change_id")
    return {row[0]: (row[1], row[2]) for row in rows}


def pool_work(db: Database, *, upto: int | None = None) -> dict[int, tuple[int, float]]:
    """Labels of pool items that a clock ran beside, and the seconds of all work on such items.

    By change, up to an event if one is named. Gold is left out: to answer it measures models and
    moves none.
    """
    rows = db.execute(
        "SELECT e.change_id, sum(e.kind = 'label' AND e.ms > 0), sum(e.ms) / 1000.0 "
        "FROM event e JOIN item i USING (item_id) WHERE i.side = 'pool' "
        "AND e.seq <= coalesce(?, e.seq) GROUP BY e.change_id",
        (upto,),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def set_project(db: Database, values: Mapping[str, str]) -> None:
    """Write the project's fixed facts, once."""
    db.conn.executemany("INSERT INTO project (key, value) VALUES (?, ?)", values.items())


def project_facts(db: Database) -> dict[str, str]:
    """The project's fixed facts: title, seed, content, created_at."""
    return {row[0]: row[1] for row in db.execute("SELECT key, value FROM project")}


def add_settings(db: Database, change_id: int, values: Mapping[str, str]) -> None:
    """Append settings; the newest change's value stands."""
    db.conn.executemany(
        "INSERT INTO setting (change_id, key, value) VALUES (?, ?, ?)",
        [(change_id, key, value) for key, value in values.items()],
    )


def settings(db: Database, *, without: frozenset[int] = frozenset()) -> dict[str, str]:
    """The settings in force, as if some changes had not been made."""
    return {key: value for change, key, value in settings_log(db) if change not in without}


def settings_log(db: Database) -> list[tuple[int, str, str]]:
    """All settings ever made, oldest first: change, key, value."""
    rows = db.execute("SELECT change_id, key, value FROM setting ORDER BY change_id")
    return [(row[0], row[1], row[2]) for row in rows]


def settings_of(db: Database, change_id: int) -> dict[str, str]:
    """What one change set."""
    rows = db.execute("SELECT key, value FROM setting WHERE change_id = ?", (change_id,))
    return {row[0]: row[1] for row in rows}


def add_label_set(
    db: Database,
    change_id: int,
    *,
    classes: tuple[str, ...],
    guideline: str,
    examples: Mapping[str, Any] | None = None,
    multi: bool = False,
) -> LabelSet:
    """Append the next version of the label set and its guideline."""
    examples = dict(examples or {})
    rows = db.execute(
        "INSERT INTO label_set (change_id, classes, guideline, examples, multi) "
        "VALUES (?, ?, ?, ?, ?) RETURNING version",
        (change_id, _json(classes), guideline, _json(examples), int(multi)),
    ).fetchall()
    return LabelSet(int(rows[0][0]), classes, guideline, examples, multi)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def label_sets(db: Database) -> list[LabelSet]:
    """All versions of the label set, oldest first."""
    rows = db.execute(
        "SELECT version, classes, guideline, examples, multi FROM label_set ORDER BY version"
    )
    return [
        LabelSet(row[0], tuple(json.loads(row[1])), row[2], json.loads(row[3]), bool(row[4]))
        for row in rows
    ]


def drawn(db: Database) -> set[str]:
    """Items that may be gold: drawn at random for a batch, or marked as trusted by a gold file."""
    rows = db.execute("SELECT payload FROM change WHERE kind = 'round'")
    draws = {item for row in rows for item in json.loads(row[0]).get("gold", [])}
    marked = db.execute(
        "SELECT item_id FROM event WHERE kind = 'label' "
        "AND change_id IN (SELECT change_id FROM change WHERE kind = 'gold')"
    )
    return draws | {row[0] for row in marked}
