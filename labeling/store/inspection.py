"""What `verify` asks of the file itself."""

from __future__ import annotations

import json

from sqlite_utils import Database

from labeling.store.schema import LOG_TABLES, TRIGGERS, guard

ANSWER_TRIGGERS = ("event_answers", "event_retracts")


def integrity(db: Database) -> list[str]:
    """What SQLite itself finds wrong: broken pages, indexes and references."""
    lines = [str(row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    broken = db.execute("PRAGMA foreign_key_check").fetchall()
    return lines + [f"row {row[1]} of {row[0]} refers to nothing in {row[2]}" for row in broken]


def missing_triggers(db: Database) -> list[str]:
    """Triggers that guard the log or keep the derived tables, and are not there as written."""
    there = dict(
        db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    )
    guards = [guard(table, act) for table in LOG_TABLES for act in ("UPDATE", "DELETE")]
    broken = {sql.split()[2] for sql in guards} - {n for n, sql in there.items() if sql in guards}
    broken |= {n for n in ANSWER_TRIGGERS if n not in there or there[n] not in TRIGGERS}
    return sorted(broken)


def last_counted(db: Database) -> int:
    """The newest event that a change, a round or an audit says it came after."""
    row = db.execute(
        "SELECT max((SELECT coalesce(max(after_event), 0) FROM change), "
        "(SELECT coalesce(max(upto_event), 0) FROM round), "
        "(SELECT coalesce(max(upto_event), 0) FROM audit))"
    ).fetchone()
    return int(row[0])


def source_counts(db: Database) -> list[tuple[int, int, int]]:
    """Imports with the rows that they said they kept, and the rows that are there."""
    rows = db.execute(
        "SELECT c.change_id, c.payload, (SELECT count(*) FROM source s "
        "WHERE s.change_id = c.change_id) FROM change c WHERE c.kind = 'import'"
    )
    return [(row[0], int(json.loads(row[1]).get("kept", row[2])), row[2]) for row in rows]
