"""Vectors of items: what an import brings, what is kept, and which stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.errors import InputError
from labeling.project import Project
from labeling.store import changes
from labeling.store import vectors as store
from labeling.store.changes import Change

Rows = npt.NDArray[np.float32]

PAYLOAD = "embeddings"  # where the change of an import says what it brought
APART = 0.01  # of the longer one's length: nearer vectors of one content are the same


class Vectors(NamedTuple):
    """One vector a row of the data file, float32 (rows, dims), and where they came from."""

    name: str
    rows: Rows


class ItemVectors(NamedTuple):
    """One vector an item, float32 (items, dims), and the name of the file they came from."""

    name: str
    item_ids: list[str]
    rows: Rows

    @property
    def facts(self) -> dict[str, Any]:
        """What the import's change remembers: file, items, dims and the hash of all of it."""
        n, dims = self.rows.shape
        pairs = zip(self.item_ids, map(_bytes, self.rows), strict=True)
        return {"file": self.name, "items": n, "dims": dims, "hash": fingerprint(pairs)}


def fingerprint(pairs: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 of items and their vectors' bytes, in whatever order they come; hex."""
    digest = hashlib.sha256()
    for item_id, data in sorted(pairs):
        digest.update(item_id.encode() + b"\n" + data)
    return digest.hexdigest()


def _bytes(row: Rows) -> bytes:
    return row.astype("<f4").tobytes()


def by_item(brought: Vectors, item_ids: Sequence[str]) -> ItemVectors:
    """The vectors of a file's rows as its items': the first row of each counts.

    Raises InputError where rows of the same content have different vectors: then the vectors lie
    in another order than the rows.
    """
    name, rows = brought
    first: dict[str, int] = {}
    for row, item_id in enumerate(item_ids):
        known = first.setdefault(item_id, row)
        if known != row and _differ(rows[known], rows[row]):
            raise InputError(
                f"rows {known} and {row} (of those with content) hold the same content, but {name} "
                "gives them different vectors: are they in the order of the data file?"
            )
    return ItemVectors(name, list(first), rows[list(first.values())])


def _differ(one: Rows, other: Rows) -> bool:
    both = np.stack([one, other]).astype(np.float64)
    return bool(np.linalg.norm(both[0] - both[1]) > APART * np.linalg.norm(both, axis=1).max())


def check_dims(project: Project, new: ItemVectors | None) -> None:
    """Raise InputError if the project's vectors have another number of dimensions."""
    there = standing(changes.every(project.db))
    if new is None or not there:
        return
    dims, found = there[-1].payload[PAYLOAD]["dims"], new.rows.shape[1]
    if dims != found:
        raise InputError(
            f"the vectors of this project have {dims} numbers each, those of {new.name} {found}: "
            "use the same encoder, or revert the imports that brought the others"
        )


def write(project: Project, change_id: int, new: ItemVectors | None) -> None:
    """Keep what an import brought."""
    if new is not None:
        pairs = zip(new.item_ids, map(_bytes, new.rows), strict=True)
        store.insert(project.db, change_id, pairs)


def standing(every: Sequence[Change]) -> list[Change]:
    """The imports that brought vectors and were not reverted, the oldest first."""
    undone: set[int] = set()
    for change in reversed(every):
        if "reverts" in change.payload and change.change_id not in undone:
            undone.add(int(change.payload["reverts"]))
    return [c for c in every if PAYLOAD in c.payload and c.change_id not in undone]


def are_moved_by(change: Change, every: Sequence[Change]) -> bool:
    """Whether a change brought vectors, took them away or put them back."""
    by_id = {each.change_id: each for each in every}
    while "reverts" in change.payload:
        change = by_id[int(change.payload["reverts"])]
    return PAYLOAD in change.payload


def address(imports: Sequence[Change]) -> list[str]:
    """What decides every item's vector: the hashes of the standing imports, in their order."""
    return [change.payload[PAYLOAD]["hash"] for change in imports]


def load(
    project: Project, imports: Sequence[Change], position: dict[str, int]
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Vectors float32 (items, dims) by position, the newest of each item; and who has one."""
    dims = imports[-1].payload[PAYLOAD]["dims"]
    rows = np.zeros((len(position), dims), dtype=np.float32)
    known = np.zeros(len(position), dtype=bool)
    for item_id, data in store.of_changes(project.db, [c.change_id for c in imports]):
        at = position.get(item_id)
        if at is not None:
            rows[at], known[at] = np.frombuffer(data, dtype="<f4"), True
    return rows, known
