"""Items: immutable content by hash, their sources, and the side of the wall they live on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlite_utils import Database


class Item(NamedTuple):
    """One thing to label. `content` is JSON of the content columns."""

    item_seq: int
    item_id: str
    change_id: int
    source_id: str
    cluster: str
    side: str
    content: str


_COLUMNS = "item_seq, item_id, change_id, source_id, cluster, side, content"
_CHUNK = 500


def insert(db: Database, rows: Iterable[Sequence[Any]]) -> None:
    """Append items: (item_id, change_id, source_id, cluster, side, content)."""
    db.conn.executemany(
        "INSERT INTO item (item_id, change_id, source_id, cluster, side, content) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def insert_sources(db: Database, rows: Iterable[Sequence[Any]]) -> None:
    """Append where rows came from: (change_id, row, item_id, source_id, extra JSON)."""
    db.conn.executemany(
        "INSERT INTO source (change_id, row, item_id, source_id, extra) VALUES (?, ?, ?, ?, ?)",
        rows,
    )


def insert_images(db: Database, rows: Iterable[tuple[str, bytes]]) -> None:
    """Append encoded images by item."""
    db.conn.executemany("INSERT INTO image (item_id, data) VALUES (?, ?)", rows)


def every(db: Database, *, side: str | None = None) -> list[Item]:
    """All items in the order they came, of one side or of both."""
    where, values = ("WHERE side = ?", (side,)) if side else ("", ())
    rows = db.execute(f"SELECT {_COLUMNS} FROM item {where} ORDER BY item_seq", values)
    return [Item(*row) for row in rows]


def get(db: Database, item_id: str) -> Item | None:
    """One item, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM item WHERE item_id = ?", (item_id,)).fetchone()
    return Item(*row) if row else None


def image(db: Database, item_id: str) -> bytes | None:
    """The encoded image of an item."""
    row = db.execute("SELECT data FROM image WHERE item_id = ?", (item_id,)).fetchone()
    return bytes(row[0]) if row else None


def images(db: Database) -> dict[str, bytes]:
    """All encoded images by item."""
    return {row[0]: bytes(row[1]) for row in db.execute("SELECT item_id, data FROM image")}


def ids(db: Database) -> set[str]:
    """The ids of all items."""
    return {row[0] for row in db.execute("SELECT item_id FROM item")}


def sides_by_cluster(db: Database) -> dict[str, str]:
    """Which side each near-duplicate cluster belongs to, for ever."""
    return {row[0]: row[1] for row in db.execute("SELECT DISTINCT cluster, side FROM item")}


def made_by(db: Database) -> dict[str, int]:
    """The import that first brought each item."""
    return {row[0]: row[1] for row in db.execute("SELECT item_id, change_id FROM item")}


def counts(db: Database) -> dict[str, int]:
    """Items by side."""
    rows = db.execute("SELECT side, count(*) FROM item GROUP BY side")
    return {"pool": 0, "reservoir": 0} | {row[0]: row[1] for row in rows}


def resolve(db: Database, names: Sequence[str]) -> dict[str, set[str]]:
    """Items by name, where a name is an item id or a source id; an item id wins."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(names), _CHUNK):
        chunk = tuple(names[start : start + _CHUNK])
        marks = ",".join("?" * len(chunk))
        by_source = f"SELECT DISTINCT source_id, item_id FROM source WHERE source_id IN ({marks})"
        for name, item_id in db.execute(by_source, chunk):
            found.setdefault(name, set()).add(item_id)
        by_item = f"SELECT item_id FROM item WHERE item_id IN ({marks})"
        for (item_id,) in db.execute(by_item, chunk):
            found[item_id] = {item_id}
    return found


def sources(db: Database) -> list[tuple[int, int, str, str, str]]:
    """Every imported row: change_id, row, item_id, source_id, extra JSON."""
    rows = db.execute(
        "SELECT change_id, row, item_id, source_id, extra FROM source ORDER BY source_seq"
    )
    return [tuple(row) for row in rows]


_STANDS = "NOT EXISTS (SELECT 1 FROM event r WHERE r.target = e.event_id)"


def clusters(db: Database, side: str) -> list[tuple[str, str]]:
    """Items of one side with their near-duplicate cluster, in the order they came."""
    rows = db.execute("SELECT item_id, cluster FROM item WHERE side = ? ORDER BY item_seq", (side,))
    return [(row[0], row[1]) for row in rows]


def labelled(db: Database) -> set[str]:
    """Items with a standing label or ruling."""
    rows = db.execute(
        "SELECT item_id FROM annotation WHERE kind = 'label' "
        f"UNION SELECT item_id FROM event e WHERE kind = 'adjudicate' AND {_STANDS}"
    )
    return {row[0] for row in rows}


def trusted(db: Database) -> set[str]:
    """Reservoir items with a standing answer that did not merely come along in a file."""
    rows = db.execute(
        "SELECT DISTINCT e.item_id FROM event e JOIN item i USING (item_id) "
        "WHERE e.change_id IN (SELECT change_id FROM change WHERE kind <> 'import') "
        f"AND i.side = 'reservoir' AND e.kind IN ('label','adjudicate') AND {_STANDS}"
    )
    return {row[0] for row in rows}


def skipped(db: Database) -> set[str]:
    """Items that somebody's standing answer is to skip."""
    return {r[0] for r in db.execute("SELECT item_id FROM annotation WHERE kind = 'skip'")}


def excluded(db: Database) -> set[str]:
    """Items taken out of the data, and not put back."""
    rows = db.execute(
        "SELECT item_id FROM (SELECT item_id, kind, row_number() OVER "
        "(PARTITION BY item_id ORDER BY seq DESC) AS nth FROM event e "
        f"WHERE kind IN ('exclude','restore') AND {_STANDS}) AS acts "
        "WHERE nth = 1 AND kind = 'exclude'"
    )
    return {row[0] for row in rows}
