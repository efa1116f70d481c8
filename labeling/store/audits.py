"""Audits: one run of all checks, its outcomes, and the findings that become issues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlite_utils import Database

OUTCOME_COLUMNS = ["code", "title", "family", "severity", "status", "n_found", "message"]
FINDING_COLUMNS = ["issue_id", "code", "severity", "item_id", "col", "score", "message"]


def add(db: Database, *, at: str, upto_event: int, version_hash: str, round_no: int | None) -> int:
    """Append an audit and return its id."""
    rows = db.execute(
        "INSERT INTO audit (at, upto_event, version_hash, round_no) VALUES (?, ?, ?, ?) "
        "RETURNING audit_id",
        (at, upto_event, version_hash, round_no),
    ).fetchall()
    return int(rows[0][0])


def add_outcomes(db: Database, audit_id: int, rows: Iterable[Sequence[Any]]) -> None:
    """Append an audit's outcomes, in the order of OUTCOME_COLUMNS."""
    db.conn.executemany(
        f"INSERT INTO outcome (audit_id, {', '.join(OUTCOME_COLUMNS)}) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(audit_id, *row) for row in rows],
    )


def add_findings(db: Database, audit_id: int, rows: Iterable[Sequence[Any]]) -> None:
    """Append an audit's findings, in the order of FINDING_COLUMNS."""
    db.conn.executemany(
        f"INSERT INTO finding (audit_id, {', '.join(FINDING_COLUMNS)}) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(audit_id, *row) for row in rows],
    )


def every(db: Database) -> list[tuple[Any, ...]]:
    """All audits: audit_id, at, upto_event, version_hash, round_no."""
    rows = db.execute(
        "SELECT audit_id, at, upto_event, version_hash, round_no FROM audit ORDER BY audit_id"
    )
    return [tuple(row) for row in rows]


def last(db: Database) -> int | None:
    """The newest audit's id, or None."""
    row = db.execute("SELECT max(audit_id) FROM audit").fetchone()
    return None if row[0] is None else int(row[0])


def outcomes(db: Database, audit_id: int) -> list[tuple[Any, ...]]:
    """One audit's outcomes in the order of OUTCOME_COLUMNS."""
    columns = ", ".join(OUTCOME_COLUMNS)
    rows = db.execute(
        f"SELECT {columns} FROM outcome WHERE audit_id = ? ORDER BY outcome_seq", (audit_id,)
    )
    return [tuple(row) for row in rows]


def findings(db: Database, audit_id: int) -> list[tuple[Any, ...]]:
    """One audit's findings in the order of FINDING_COLUMNS."""
    columns = ", ".join(FINDING_COLUMNS)
    rows = db.execute(
        f"SELECT {columns} FROM finding WHERE audit_id = ? ORDER BY finding_seq", (audit_id,)
    )
    return [tuple(row) for row in rows]


def issue_history(db: Database) -> list[tuple[Any, ...]]:
    """Every issue ever found: FINDING_COLUMNS of its newest finding, first and last audit."""
    columns = ", ".join(f"f.{name}" for name in FINDING_COLUMNS)
    rows = db.execute(
        f"SELECT {columns}, h.first_audit, h.last_audit FROM finding f JOIN ("
        "  SELECT issue_id, min(audit_id) AS first_audit, max(audit_id) AS last_audit "
        "  FROM finding GROUP BY issue_id) AS h "
        "ON h.issue_id = f.issue_id AND h.last_audit = f.audit_id ORDER BY f.finding_seq"
    )
    return [tuple(row) for row in rows]


def history(db: Database) -> list[tuple[str, str, str, int, int]]:
    """Every outcome with what it found, oldest first: code, title, family, audit, found."""
    rows = db.execute(
        "SELECT code, title, family, audit_id, CASE WHEN status IN ('found','muted') "
        "THEN n_found ELSE 0 END FROM outcome ORDER BY audit_id, outcome_seq"
    )
    return [tuple(row) for row in rows]


def trend(db: Database) -> list[tuple[int, str, int, int | None, str, str, int]]:
    """What was found by audit, family and severity: audit, at, upto, round, family, severity, n."""
    rows = db.execute(
        "SELECT a.audit_id, a.at, a.upto_event, a.round_no, o.family, o.severity, "
        "sum(CASE WHEN o.status = 'found' THEN o.n_found ELSE 0 END) "
        "FROM audit a JOIN outcome o USING (audit_id) "
        "GROUP BY a.audit_id, o.family, o.severity ORDER BY a.audit_id, o.family, o.severity"
    )
    return [tuple(row) for row in rows]
