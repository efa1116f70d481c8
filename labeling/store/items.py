"""Items: immutable content by hash, their sources, and the side of the wall they live on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlite_utils import Database

from labeling.store import changes
from labeling.store.schema import LIVE


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


def every(db: Database) -> list[Item]:
    """All items in the order they came."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM item ORDER BY item_seq")
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


def sides(db: Database) -> dict[str, str]:
    """The side of each item, for ever; "aside" of those that an import put aside."""
    told = {row[0]: row[1] for row in db.execute("SELECT item_id, side FROM item")}
    return told | dict.fromkeys(aside(db), "aside")


def aside(db: Database) -> set[str]:
    """Items that an import put aside, as near-duplicates of items on both sides."""
    brought = (c.payload for c in changes.every(db) if c.kind == "import")
    return {item for payload in brought for item in payload.get("aside", ())}


def made_by(db: Database) -> dict[str, int]:
    """The import that first brought each item."""
    return {row[0]: row[1] for row in db.execute("SELECT item_id, change_id FROM item")}


def counts(db: Database) -> dict[str, int]:
    """Items by side, without those put aside."""
    rows = db.execute("SELECT side, count(*) FROM item GROUP BY side")
    found = {"pool": 0, "reservoir": 0} | {row[0]: row[1] for row in rows}
    return found | {"reservoir": found["reservoir"] - len(aside(db))}


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


def clusters(db: Database, side: str) -> list[tuple[str, str]]:
    """Items of one side with their near-duplicate cluster, in the order they came."""
    rows = db.execute("SELECT item_id, cluster FROM item WHERE side = ? ORDER BY item_seq", (side,))
    return [(row[0], row[1]) for row in rows]


def labelled(db: Database) -> set[str]:
    """Items with a standing label or ruling."""
    rows = db.execute(
        "SELECT item_id FROM annotation WHERE kind = 'label' "
        f"UNION SELECT item_id FROM event e WHERE kind = 'adjudicate' AND {LIVE}"
    )
    return {row[0] for row in rows}


def trusted(db: Database) -> set[str]:
    """Gold: drawn reservoir items with a standing answer that is not an import's.

    An import's reservoir that is answered to the last item is gold as a whole: nobody chose.
    """
    rows = db.execute(
        "SELECT DISTINCT e.item_id FROM event e JOIN item i USING (item_id) "
        "WHERE e.change_id IN (SELECT change_id FROM change WHERE kind <> 'import') "
        f"AND i.side = 'reservoir' AND e.kind IN ('label','adjudicate') AND {LIVE}"
    )
    answered = {row[0] for row in rows}
    return answered & (changes.drawn(db) | _answered_whole(db, answered))


def _answered_whole(db: Database, answered: set[str]) -> set[str]:
    reserved: dict[int, set[str]] = {}
    out = aside(db)
    for item, change in db.execute("SELECT item_id, change_id FROM item WHERE side = 'reservoir'"):
        if item not in out:
            reserved.setdefault(change, set()).add(item)
    return {item for own in reserved.values() if own <= answered for item in own}


def skipped(db: Database) -> set[str]:
    """Items that somebody's standing answer is to skip."""
    return {r[0] for r in db.execute("SELECT item_id FROM annotation WHERE kind = 'skip'")}


_EXCLUDED = (
    "SELECT item_id, change_id FROM (SELECT item_id, change_id, kind, row_number() OVER "
    "(PARTITION BY item_id ORDER BY seq DESC) AS nth FROM event e "
    f"WHERE kind IN ('exclude','restore') AND target IS NULL AND {LIVE}) AS acts "
    "WHERE nth = 1 AND kind = 'exclude'"
)


def excluded(db: Database) -> set[str]:
    """Items taken out of the data, and not put back."""
    return {row[0] for row in db.execute(_EXCLUDED)}


def is_excluded(db: Database, item_id: str) -> bool:
    """Whether one item was taken out of the data, and not put back."""
    row = db.execute(
        "SELECT kind FROM event e WHERE item_id = ? AND kind IN ('exclude','restore') "
        f"AND target IS NULL AND {LIVE} ORDER BY seq DESC LIMIT 1",
        (item_id,),
    ).fetchone()
    return row is not None and row[0] == "exclude"


def excluded_by_revert(db: Database) -> set[str]:
    """Those of them that went with an import that was reverted."""
    reverts = {c.change_id for c in changes.every(db) if "reverts" in c.payload}
    return {row[0] for row in db.execute(_EXCLUDED) if row[1] in reverts}


def only_from(db: Database, change_id: int) -> set[str]:
    """Items that this import brought and no other import did too."""
    rows = db.execute(
        "SELECT item_id FROM item i WHERE change_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM source s WHERE s.item_id = i.item_id AND s.change_id <> i.change_id)",
        (change_id,),
    )
    return {row[0] for row in rows}


def contents(db: Database, item_ids: Sequence[str]) -> dict[str, str]:
    """The content of some items."""
    found: dict[str, str] = {}
    for start in range(0, len(item_ids), _CHUNK):
        chunk = tuple(item_ids[start : start + _CHUNK])
        marks = ",".join("?" * len(chunk))
        rows = db.execute(f"SELECT item_id, content FROM item WHERE item_id IN ({marks})", chunk)
        found.update((row[0], row[1]) for row in rows)
    return found
