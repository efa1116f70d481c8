"""One SQLite file is one project: how it is opened, and how writers take turns."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlite_utils import Database

from labeling.errors import BusyError, CorruptionError, InputError
from labeling.store import schema

__all__ = ["Database", "connect", "copy_to", "create", "is_project", "reading", "writing"]

APPLICATION_ID = 0x47525744  # "GRWD"
WAIT_SECONDS = 30.0
_NOT_NOW = {  # what the disk or another program is to blame for
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
}
_known: set[tuple[Path, int]] = set()
_turns: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


def _open(path: Path, wait: float = WAIT_SECONDS) -> Database:
    conn = sqlite3.connect(path, isolation_level=None, timeout=wait)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
        "trusted_schema=OFF",
        "cache_size=-65536",
    ):
        conn.execute(f"PRAGMA {pragma}")
    return Database(conn, use_counts_table=False)


def create(path: Path) -> Database:
    """Make a new, empty project file. Raises InputError if anything is there already."""
    if path.exists():
        raise InputError(f"expected a new file, but {path} exists: choose another name")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist: make it first")
    with closing(sqlite3.connect(path)) as file:  # the mark goes into the file itself, not the WAL
        file.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db = _open(path)
    _migrate(db, path)
    return db


def is_project(path: Path) -> bool:
    """Whether a file is a Groundwork project, by its application id.

    SQLite itself is asked. To open and close a database's file by other means would drop the locks
    that this process's other connections hold on it (POSIX), and split its write-ahead log in two.
    """
    try:
        key = (path, path.stat().st_ino)
    except OSError:
        return False
    if key not in _known and _says_so(path):
        _known.add(key)
    return key in _known


def _says_so(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as conn:
            found = conn.execute("PRAGMA application_id").fetchone()
    except sqlite3.DatabaseError as error:
        return "malformed" in str(error)  # torn: opening it says so
    return bool(found[0] == APPLICATION_ID)


def connect(path: Path, *, wait: float = WAIT_SECONDS) -> Database:
    """Open a project file and bring its schema up to date. Raises InputError if it is none.

    `wait` seconds for other writers at most.
    """
    if not path.is_file():
        raise InputError(f"expected a project file, but {path} does not exist")
    if not is_project(path):
        raise InputError(f"{path} is no Groundwork project: make one with `create`")
    try:
        db = _open(path, wait)
        if schema.MIGRATIONS.pending(db):
            _migrate(db, path)
    except sqlite3.DatabaseError as error:
        raise CorruptionError(f"{path} cannot be read ({error}): restore a backup") from error
    return db


def _migrate(db: Database, path: Path) -> None:
    with writing(db, path):
        schema.MIGRATIONS.apply(db)


@contextmanager
def writing(db: Database, path: Path, *, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """One transaction, written whole or not at all; writers of all processes take turns.

    A busy timeout alone starves writers, so a lock of this process and a file lock come first.
    Nested use joins the outer transaction. Raises BusyError after `wait` seconds in vain, and
    where the disk takes nothing.
    """
    if db.conn.in_transaction:
        yield
        return
    try:
        with _turn(path, wait):
            db.conn.execute("BEGIN IMMEDIATE")
            try:
                yield
                db.conn.commit()  # a full disk may show only here
            except BaseException:
                db.conn.rollback()
                raise
    except sqlite3.OperationalError as error:
        if not is_outage(error):
            raise
        raise BusyError(
            f"{path.name} cannot be written to just now ({error}): make room, or try again"
        ) from error


@contextmanager
def _turn(path: Path, wait: float) -> Iterator[None]:
    """The lock of this process, then the file's, in `wait` seconds together."""
    until, turn = time.monotonic() + wait, _turns[str(path.resolve())]
    busy = BusyError(f"{path.name} has been locked by another program for {wait:.0f} s: try again")
    if not turn.acquire(timeout=wait):
        raise busy
    try:
        left = max(until - time.monotonic(), 0.0)
        with FileLock(f"{path}.lock", timeout=left, poll_interval=0.005):
            yield
    except Timeout:
        raise busy from None
    finally:
        turn.release()


def is_outage(error: Exception) -> bool:
    """Whether the disk or another program is to blame, so that trying again may help."""
    if not isinstance(error, sqlite3.OperationalError):
        return False
    return error.sqlite_errorcode & 0xFF in _NOT_NOW


@contextmanager
def attempt(db: Database) -> Iterator[None]:
    """A part of a transaction that may fail alone: what it wrote is taken back, the rest stays."""
    db.conn.execute("SAVEPOINT attempt")
    try:
        yield
    except BaseException:
        if db.conn.in_transaction:  # a full disk may have ended it
            db.conn.execute("ROLLBACK TO attempt")
            db.conn.execute("RELEASE attempt")
        raise
    db.conn.execute("RELEASE attempt")


@contextmanager
def reading(db: Database) -> Iterator[None]:
    """Several reads that see one and the same state of the log."""
    if db.conn.in_transaction:
        yield
        return
    db.conn.execute("BEGIN")
    try:
        yield
    finally:
        db.conn.rollback()


def copy_to(db: Database, target: Path) -> None:
    """A consistent copy while others write. Raises InputError if the target exists."""
    if target.exists():
        raise InputError(f"expected a new file for the copy, but {target} exists")
    if not target.parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist: make it first")
    with closing(sqlite3.connect(target)) as copy:
        db.conn.backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")
