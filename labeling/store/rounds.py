"""Rounds, the fits behind them, cached results, and the jobs that compute them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlite_utils import Database


class Round(NamedTuple):
    """A closed round: the exact data version, model and seed that it learned from."""

    round_no: int
    change_id: int
    upto_event: int
    version_hash: str
    config: dict[str, Any]
    strategy: str
    seed: int
    n_labels: int
    at: str
    seconds: float


class Fit(NamedTuple):
    """A stored fit: predicted class codes int16 and top probabilities float32, as bytes."""

    n_rows: int
    seconds: float
    predicted: bytes
    confidence: bytes


class Job(NamedTuple):
    """A piece of work for the worker process. `heartbeat` is seconds since the epoch."""

    job_id: int
    kind: str
    author: str
    args: dict[str, Any]
    state: str
    progress: float
    message: str
    pid: int | None
    heartbeat: float
    at: str


_ROUND = (
    "round_no, change_id, upto_event, version_hash, config, strategy, seed, n_labels, at, seconds"
)
_JOB = "job_id, kind, author, args, state, progress, message, pid, heartbeat, at"


def add(db: Database, closed: Round) -> None:
    """Append a closed round."""
    db.execute(
        f"INSERT INTO round ({_ROUND}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*closed[:4], json.dumps(closed.config, sort_keys=True), *closed[5:]),
    )


def every(db: Database) -> list[Round]:
    """All closed rounds, oldest first."""
    rows = db.execute(f"SELECT {_ROUND} FROM round ORDER BY round_no")
    return [Round._make([*row[:4], json.loads(row[4]), *row[5:]]) for row in rows]


def get_fit(db: Database, fit_key: str) -> Fit | None:
    """A stored fit, or None."""
    row = db.execute(
        "SELECT n_rows, seconds, predicted, confidence FROM fit WHERE fit_key = ?", (fit_key,)
    ).fetchone()
    return Fit(*row) if row else None


def put_fit(db: Database, fit_key: str, fit: Fit) -> None:
    """Store a fit under its key; the same key always holds the same predictions."""
    db.execute(
        "INSERT INTO fit (fit_key, n_rows, seconds, predicted, confidence) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (fit_key) DO NOTHING",
        (fit_key, *fit),
    )


def get_result(db: Database, name: str) -> tuple[int, Any] | None:
    """A cached result with the event it was computed at, or None."""
    row = db.execute("SELECT upto_event, body FROM result WHERE name = ?", (name,)).fetchone()
    return (int(row[0]), json.loads(row[1])) if row else None


def finished_jobs(db: Database) -> int:
    """How many jobs have ended, well or not."""
    return int(
        db.execute(
            "SELECT count(*) FROM job WHERE state <> 'queued' AND state <> 'running'"
        ).fetchone()[0]
    )


def put_result(db: Database, name: str, *, upto_event: int, body: Any) -> None:
    """Store a derived result in place of the earlier one."""
    db.execute(
        "INSERT INTO result (name, upto_event, body) VALUES (?, ?, ?) ON CONFLICT (name) "
        "DO UPDATE SET upto_event = excluded.upto_event, body = excluded.body",
        (name, upto_event, json.dumps(body, ensure_ascii=False)),
    )


def _job(row: Any) -> Job:
    return Job._make([*row[:3], json.loads(row[3]), *row[4:]])


def add_job(
    db: Database, kind: str, *, author: str, args: dict[str, Any], at: str, now: float
) -> int | None:
    """Queue a job; None if one of this kind is queued or running already."""
    rows = db.execute(
        "INSERT INTO job (kind, author, args, state, heartbeat, at) "
        "VALUES (?, ?, ?, 'queued', ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING job_id",
        (kind, author, json.dumps(args), now, at),
    ).fetchall()
    return int(rows[0][0]) if rows else None


def claim_job(db: Database, job_id: int, *, pid: int, now: float) -> Job | None:
    """Take a queued job for this process; None if another has it."""
    rows = db.execute(
        "UPDATE job SET state = 'running', pid = ?, heartbeat = ? "
        f"WHERE job_id = ? AND state = 'queued' RETURNING {_JOB}",
        (pid, now, job_id),
    ).fetchall()
    return _job(rows[0]) if rows else None


def beat(db: Database, job_id: int, *, progress: float, message: str, now: float) -> None:
    """Say how far a running job is."""
    db.execute(
        "UPDATE job SET progress = ?, message = ?, heartbeat = ? "
        "WHERE job_id = ? AND state = 'running'",
        (progress, message, now, job_id),
    )


def touch(db: Database, job_id: int, *, now: float) -> None:
    """Say that a running job's worker is alive, however long its present step takes."""
    db.execute("UPDATE job SET heartbeat = ? WHERE job_id = ? AND state = 'running'", (now, job_id))


def end_job(db: Database, job_id: int, *, state: str, message: str, now: float) -> None:
    """Say how a job ended: done, blocked or failed."""
    db.execute(
        "UPDATE job SET state = ?, message = ?, heartbeat = ? "
        "WHERE job_id = ? AND state IN ('queued','running')",
        (state, message, now, job_id),
    )


def get_job(db: Database, job_id: int) -> Job | None:
    """One job, or None."""
    row = db.execute(f"SELECT {_JOB} FROM job WHERE job_id = ?", (job_id,)).fetchone()
    return _job(row) if row else None


def last_job(db: Database, kind: str) -> Job | None:
    """The newest job of a kind, or None."""
    row = db.execute(
        f"SELECT {_JOB} FROM job WHERE kind = ? ORDER BY job_id DESC LIMIT 1", (kind,)
    ).fetchone()
    return _job(row) if row else None
