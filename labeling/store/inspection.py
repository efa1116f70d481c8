"""What `verify` asks of the file itself."""

from __future__ import annotations

import json

from sqlite_utils import Database

from labeling.store.schema import LOG_TABLES

ANSWER_TRIGGERS = ("event_answers", "event_retracts")


def integrity(db: Database) -> list[str]:
    """What SQLite itself finds wrong: broken pages, indexes and references."""
    lines = [str(row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    broken = db.execute("PRAGMA foreign_key_check").fetchall()
    return lines + [f"row {row[1]} of {row[0]} refers to nothing in {row[2]}" for row in broken]


def missing_triggers(db: Database) -> list[str]:
    """Triggers that guard the log or keep the derived tables, and are not there."""
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    guards = {f"{table}_no_{act}" for table in LOG_TABLES for act in ("update", "delete")}
    return sorted((guards | set(ANSWER_TRIGGERS)) - there)


def source_counts(db: Database) -> list[tuple[int, int, int]]:
    """Imports with the rows that they said they kept, and the rows that are there."""
    rows = db.execute(
        "SELECT c.change_id, c.payload, (SELECT count(*) FROM source s "
        "WHERE s.change_id = c.change_id) FROM change c WHERE c.kind = 'import'"
    )
    return [(row[0], int(json.loads(row[1]).get("kept", row[2])), row[2]) for row in rows]
