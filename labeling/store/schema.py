"""Tables, triggers and views. A migration is a named function; what has landed never changes."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

MIGRATIONS = Migrations("groundwork")

# The log: only ever appended to.
LOG_TABLES = (
    "project",
    "change",
    "item",
    "source",
    "image",
    "label_set",
    "setting",
    "event",
    "round",
    "audit",
    "outcome",
    "finding",
    "member",
    "decision",
    "vector",
)

LATER = ("member", "decision", "vector")  # of newer versions, which guard their own

_LOG = """
CREATE TABLE project (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE change (
  change_id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('import','round','correct','adjudicate','drop','dedupe',
    'repair','schema','guideline','model','settings','gold')),
  title TEXT NOT NULL, author TEXT NOT NULL, at TEXT NOT NULL,
  seconds REAL NOT NULL DEFAULT 0, after_event INTEGER NOT NULL, answers TEXT,
  payload TEXT NOT NULL DEFAULT '{}');
CREATE TABLE item (
  item_seq INTEGER PRIMARY KEY, item_id TEXT NOT NULL UNIQUE,
  change_id INTEGER NOT NULL REFERENCES change, source_id TEXT NOT NULL,
  cluster TEXT NOT NULL, side TEXT NOT NULL CHECK (side IN ('pool','reservoir')),
  content TEXT NOT NULL);
CREATE INDEX item_source ON item (source_id);
CREATE INDEX item_cluster ON item (cluster);
CREATE TABLE source (
  source_seq INTEGER PRIMARY KEY, change_id INTEGER NOT NULL REFERENCES change,
  row INTEGER NOT NULL, item_id TEXT NOT NULL REFERENCES item (item_id),
  source_id TEXT NOT NULL, extra TEXT NOT NULL);
CREATE INDEX source_source ON source (source_id);
CREATE TABLE image (item_id TEXT PRIMARY KEY REFERENCES item (item_id), data BLOB NOT NULL);
CREATE TABLE label_set (
  version INTEGER PRIMARY KEY, change_id INTEGER NOT NULL REFERENCES change,
  classes TEXT NOT NULL, guideline TEXT NOT NULL);
CREATE TABLE setting (
  change_id INTEGER NOT NULL REFERENCES change, key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (change_id, key));
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE,
  change_id INTEGER NOT NULL REFERENCES change,
  kind TEXT NOT NULL CHECK (kind IN
    ('label','skip','flag','retract','adjudicate','exclude','restore','edit')),
  item_id TEXT NOT NULL REFERENCES item (item_id), annotator TEXT NOT NULL,
  value TEXT, ms INTEGER NOT NULL DEFAULT 0, label_set INTEGER NOT NULL,
  target TEXT REFERENCES event (event_id), at TEXT NOT NULL, digest TEXT NOT NULL,
  CHECK (CASE kind WHEN 'retract' THEN target IS NOT NULL WHEN 'restore' THEN 1 = 1
    ELSE target IS NULL END));
CREATE INDEX event_change ON event (change_id);
CREATE INDEX event_item ON event (item_id);
CREATE INDEX event_annotator ON event (annotator, seq);
CREATE INDEX event_target ON event (target, seq) WHERE target IS NOT NULL;
CREATE TABLE round (
  round_no INTEGER PRIMARY KEY, change_id INTEGER NOT NULL REFERENCES change,
  upto_event INTEGER NOT NULL, version_hash TEXT NOT NULL, config TEXT NOT NULL,
  strategy TEXT NOT NULL, seed INTEGER NOT NULL, n_labels INTEGER NOT NULL,
  at TEXT NOT NULL, seconds REAL NOT NULL);
CREATE TABLE audit (
  audit_id INTEGER PRIMARY KEY, at TEXT NOT NULL, upto_event INTEGER NOT NULL,
  version_hash TEXT NOT NULL, round_no INTEGER);
CREATE TABLE outcome (
  outcome_seq INTEGER PRIMARY KEY, audit_id INTEGER NOT NULL REFERENCES audit,
  code TEXT NOT NULL, title TEXT NOT NULL,
  family TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, n_found INTEGER NOT NULL,
  message TEXT NOT NULL);
CREATE INDEX outcome_audit ON outcome (audit_id);
CREATE TABLE finding (
  finding_seq INTEGER PRIMARY KEY, audit_id INTEGER NOT NULL REFERENCES audit,
  issue_id TEXT NOT NULL, code TEXT NOT NULL,
  severity TEXT NOT NULL, item_id TEXT NOT NULL, col TEXT NOT NULL, score REAL NOT NULL,
  message TEXT NOT NULL, UNIQUE (audit_id, issue_id));
CREATE INDEX finding_issue ON finding (issue_id);
"""

# Derived or operational: may be rewritten, and can be rebuilt or lost without losing an answer.
_DERIVED = """
CREATE TABLE annotation (
  item_id TEXT NOT NULL, annotator TEXT NOT NULL, kind TEXT NOT NULL, value TEXT,
  seq INTEGER NOT NULL, PRIMARY KEY (item_id, annotator));
CREATE TABLE slot (
  slot_id INTEGER PRIMARY KEY, queue TEXT NOT NULL CHECK (queue IN ('batch','relabel')),
  change_id INTEGER NOT NULL REFERENCES change, item_id TEXT NOT NULL REFERENCES item (item_id),
  rank INTEGER NOT NULL, why TEXT NOT NULL, score REAL, closed INTEGER NOT NULL DEFAULT 0,
  answered_by TEXT REFERENCES event (event_id), leased_by TEXT, leased_until REAL);
CREATE INDEX slot_open ON slot (change_id, rank) WHERE answered_by IS NULL AND closed = 0;
CREATE INDEX slot_answered ON slot (answered_by) WHERE answered_by IS NOT NULL;
CREATE INDEX slot_item ON slot (item_id) WHERE answered_by IS NULL AND closed = 0;
CREATE TABLE fit (
  fit_key TEXT PRIMARY KEY, n_rows INTEGER NOT NULL, seconds REAL NOT NULL,
  predicted BLOB NOT NULL, confidence BLOB NOT NULL);
CREATE TABLE result (name TEXT PRIMARY KEY, upto_event INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE job (
  job_id INTEGER PRIMARY KEY, kind TEXT NOT NULL, author TEXT NOT NULL, args TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued','running','done','blocked','failed')),
  progress REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '', pid INTEGER,
  heartbeat REAL NOT NULL, at TEXT NOT NULL);
CREATE UNIQUE INDEX job_active ON job (kind) WHERE state IN ('queued','running');
"""

# An event `e` stands unless the newest word on it is a retraction.
LIVE = (
    "coalesce((SELECT r.kind FROM event r WHERE r.target = e.event_id "
    "ORDER BY r.seq DESC LIMIT 1), '') <> 'retract'"
)

STANDING = f"""
CREATE VIEW standing AS
SELECT item_id, annotator, kind, value, seq FROM (
  SELECT e.*, row_number() OVER (PARTITION BY item_id, annotator ORDER BY seq DESC) AS nth
  FROM event e
  WHERE kind IN ('label','skip')
    AND {LIVE}) AS answers
WHERE nth = 1
"""

TRIGGERS = f"""
CREATE TRIGGER event_answers AFTER INSERT ON event WHEN new.kind IN ('label','skip') BEGIN
  INSERT INTO annotation (item_id, annotator, kind, value, seq)
  VALUES (new.item_id, new.annotator, new.kind, new.value, new.seq)
  ON CONFLICT (item_id, annotator) DO UPDATE
  SET kind = excluded.kind, value = excluded.value, seq = excluded.seq;
END;
CREATE TRIGGER event_retracts AFTER INSERT ON event WHEN new.target IS NOT NULL BEGIN
  DELETE FROM annotation WHERE (item_id, annotator) =
    (SELECT item_id, annotator FROM event WHERE event_id = new.target);
  INSERT INTO annotation (item_id, annotator, kind, value, seq)
  SELECT e.item_id, e.annotator, e.kind, e.value, e.seq FROM event e
  JOIN event t ON t.event_id = new.target
    AND t.item_id = e.item_id AND t.annotator = e.annotator
  WHERE e.kind IN ('label','skip')
    AND {LIVE}
  ORDER BY e.seq DESC LIMIT 1;
END;
"""


def guard(table: str, act: str) -> str:
    """The trigger that refuses to update or delete in a table of the log."""
    return (
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} BEGIN "
        f"SELECT RAISE(ABORT, 'the log is append-only: no {act.lower()} on {table}'); END"
    )


def _run(db: Database, script: str) -> None:
    """Each statement on its own: `executescript` would commit the open transaction."""
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        whole = statement.rstrip().endswith(";")
        if whole and ("BEGIN" not in statement or statement.rstrip().endswith("END;")):
            db.execute(statement)
            statement = ""
    if statement.strip():
        db.execute(statement)


@MIGRATIONS()
def the_log_and_what_follows_from_it(db: Database) -> None:
    """Version 1: the append-only log, its derived tables, and the triggers that guard it."""
    for script in (_LOG, _DERIVED, STANDING, TRIGGERS):
        _run(db, script)
    _guard(db, *(table for table in LOG_TABLES if table not in LATER))


def _guard(db: Database, *tables: str) -> None:
    for table in tables:
        for act in ("UPDATE", "DELETE"):
            db.execute(guard(table, act))


# Slots are derived, so the table may be made anew; the log only gets columns and tables.
_SESSIONS = """
CREATE TABLE new_slot (
  slot_id INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL CHECK (queue IN
    ('batch','second','extra','relabel','adjudicate','verify')),
  change_id INTEGER NOT NULL REFERENCES change, item_id TEXT NOT NULL REFERENCES item (item_id),
  rank INTEGER NOT NULL, why TEXT NOT NULL, score REAL, closed INTEGER NOT NULL DEFAULT 0,
  answered_by TEXT REFERENCES event (event_id), leased_by TEXT, leased_until REAL,
  suggested TEXT, probability REAL);
INSERT INTO new_slot (slot_id, queue, change_id, item_id, rank, why, score, closed, answered_by,
  leased_by, leased_until)
  SELECT slot_id, queue, change_id, item_id, rank, why, score, closed, answered_by,
  leased_by, leased_until FROM slot;
DROP TABLE slot;
ALTER TABLE new_slot RENAME TO slot;
CREATE INDEX slot_open ON slot (change_id, rank) WHERE answered_by IS NULL AND closed = 0;
CREATE INDEX slot_held ON slot (leased_by) WHERE answered_by IS NULL AND closed = 0
  AND leased_by IS NOT NULL;
CREATE INDEX slot_answered ON slot (answered_by) WHERE answered_by IS NOT NULL;
CREATE INDEX slot_item ON slot (item_id);
CREATE INDEX slot_progress ON slot (change_id, queue, answered_by);
ALTER TABLE event ADD COLUMN context TEXT;
ALTER TABLE label_set ADD COLUMN examples TEXT NOT NULL DEFAULT '{}';
ALTER TABLE label_set ADD COLUMN multi INTEGER NOT NULL DEFAULT 0;
CREATE TABLE member (
  change_id INTEGER NOT NULL REFERENCES change, name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('annotator','reviewer','owner','none')),
  PRIMARY KEY (change_id, name));
"""


@MIGRATIONS()
def people_at_work(db: Database) -> None:
    """Version 2: several answers an item, suggestions, examples, many classes an item, roles."""
    _run(db, _SESSIONS)
    _guard(db, "member")


_DECISIONS = """
CREATE TABLE decision (
  change_id INTEGER NOT NULL REFERENCES change,
  kind TEXT NOT NULL CHECK (kind IN ('assign','mute','apart','severity')),
  subject TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (change_id, kind, subject));
"""


@MIGRATIONS()
def what_people_settled(db: Database) -> None:
    """Version 3: who is on an issue, what is muted, what is not the same, what blocks a round."""
    _run(db, _DECISIONS)
    _guard(db, "decision")


_VECTORS = """
CREATE TABLE vector (
  vector_seq INTEGER PRIMARY KEY, change_id INTEGER NOT NULL REFERENCES change,
  item_id TEXT NOT NULL REFERENCES item (item_id), data BLOB NOT NULL,
  UNIQUE (change_id, item_id));
"""


@MIGRATIONS()
def vectors_that_people_bring(db: Database) -> None:
    """Version 4: vectors of items, brought by imports."""
    _run(db, _VECTORS)
    _guard(db, "vector")
