"""Decisions: what people settled about issues and checks. Appended to; the newest word stands.

A subject is what was decided on: an issue's id, a check's code, or a pair of items. An empty value
takes an earlier decision back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlite_utils import Database

ASSIGN, MUTE, APART, SEVERITY = "assign", "mute", "apart", "severity"


class Decision(NamedTuple):
    """One decision: the change that holds it, on what, its value, by whom, when."""

    change_id: int
    kind: str
    subject: str
    value: str
    author: str
    at: str


def add(db: Database, change_id: int, kind: str, values: Iterable[tuple[str, str]]) -> None:
    """Append decisions of a kind: (subject, value)."""
    db.conn.executemany(
        "INSERT INTO decision (change_id, kind, subject, value) VALUES (?, ?, ?, ?)",
        [(change_id, kind, subject, value) for subject, value in values],
    )


def log(db: Database) -> list[Decision]:
    """All decisions ever made, oldest first."""
    rows = db.execute(
        "SELECT d.change_id, d.kind, d.subject, d.value, c.author, c.at "
        "FROM decision d JOIN change c USING (change_id) ORDER BY d.change_id, d.rowid"
    )
    return [Decision(*row) for row in rows]


def standing(db: Database, kind: str) -> dict[str, Decision]:
    """The decisions of a kind that stand, by subject."""
    newest = {each.subject: each for each in log(db) if each.kind == kind}
    return {subject: each for subject, each in newest.items() if each.value}


def before(db: Database, change_id: int) -> list[tuple[str, str, str]]:
    """What stood before a change of what it decided and no later one did: kind, subject, value."""
    told = log(db)
    newer = {(d.kind, d.subject) for d in told if d.change_id > change_id}
    older = {(d.kind, d.subject): d.value for d in told if d.change_id < change_id}
    own = [(d.kind, d.subject) for d in told if d.change_id == change_id]
    return [(*key, older.get(key, "")) for key in own if key not in newer]
