"""Sides: which new items train and which measure, so that no near-duplicate lies on both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from labeling.core.features import Content
from labeling.project import Project, derive_seed
from labeling.store import items
from quality import duplicates, near_duplicates, pairs
from quality.pairs import Bools, Pairs

DEFAULT_SHARE, DEFAULT_ROWS, AT_MOST = 0.2, 1000, 0.5
CROWD, PART, FEW = 50, 8, 4
POOL, RESERVOIR, ASIDE = "pool", "reservoir", "aside"


class Newcomers(NamedTuple):
    """New items: their ids in order, their content (row = item), and which have a trusted label."""

    ids: Sequence[str]
    frame: pd.DataFrame
    gold: Collection[str]


class Placed(NamedTuple):
    """The cluster and the side of each new item; one that is `aside` is on neither.

    `beside` is how many items there were.
    """

    cluster: dict[str, str]
    side: dict[str, str]
    beside: int


def quota(n_items: int, share: float | None) -> int:
    """How many of so many new items measure: a fifth or a thousand, at most half; or a share."""
    if share is not None:
        return round(share * n_items)
    return min(max(round(DEFAULT_SHARE * n_items), DEFAULT_ROWS), int(AT_MOST * n_items))


def place(project: Project, new: Newcomers, *, share: float | None) -> Placed:
    """The sides of new items: a cluster of near-duplicates goes to one side as a whole.

    A cluster with near-duplicates among the items of one side joins them; one with some on both
    sides is put aside. The others fall by a hash of the cluster, gold first. The same for any order
    of the rows.
    """
    known = items.every(project.db)
    table = _table(project, known, new)
    chains = _chains(table, _links(table, project.content))
    sizes = pd.Series([chain.name for chain in chains.values()]).value_counts().to_dict()
    settled = {chain.name: chain.side for chain in chains.values() if chain.side}
    trusted = {chains[item].name for item in new.gold}
    sides = _drawn(
        sizes,
        settled,
        first=trusted,
        wanted=quota(len(new.ids), share),
        seed=derive_seed(project.seed, "reservoir"),
    )
    cluster = {item: chain.name for item, chain in chains.items()}
    return Placed(cluster, {item: sides[name] for item, name in cluster.items()}, len(known))


def _drawn(
    sizes: Mapping[str, int],
    settled: Mapping[str, str],
    *,
    first: Collection[str],
    wanted: int,
    seed: int,
) -> dict[str, str]:
    """The side of each cluster: the settled ones, then those of `first`, then a hash decides."""

    def lot(cluster: str) -> tuple[bool, bytes]:
        return cluster not in first, hashlib.sha256(f"{seed}:{cluster}".encode()).digest()

    sides = dict(settled)
    taken = sum(sizes[cluster] for cluster, side in sides.items() if side == RESERVOIR)
    for cluster in sorted(sizes.keys() - sides.keys(), key=lot):
        measures = cluster in first or taken + sizes[cluster] <= wanted
        sides[cluster] = RESERVOIR if measures else POOL
        taken += sizes[cluster] if measures else 0
    return sides


# -- near-duplicates among what is there and what comes -----------------------------------------


class _Table(NamedTuple):
    """All items in the order of their ids, whatever the order they came in; row = item.

    `keys` are equal where the normalised content is; `known` is of items that were there.
    """

    ids: list[str]
    frame: pd.DataFrame
    keys: list[str]
    known: dict[str, items.Item]

    def is_new(self) -> Bools:
        """Which rows are new, bool (rows,)."""
        return np.array([item not in self.known for item in self.ids], dtype=bool)


def _table(project: Project, known: Sequence[items.Item], new: Newcomers) -> _Table:
    """What was put aside is not among them: what is near to it alone is on no side's account."""
    out, content = items.aside(project.db), project.content
    kept = [item for item in known if item.item_id not in out]
    columns = list(content.columns)
    rows = [json.loads(item.content) for item in kept]
    there = pd.DataFrame(rows, columns=columns, dtype=object)
    if content.kind == "image":
        pictures = items.images(project.db)
        there[columns[0]] = [pictures[item.item_id] for item in kept]
    frame = pd.concat([there, new.frame[columns].astype(object)], ignore_index=True)
    ids = [*(item.item_id for item in kept), *new.ids]
    order = np.argsort(np.array(ids, dtype=str), kind="stable")
    frame, ids = frame.iloc[order].reset_index(drop=True), [ids[row] for row in order]
    keys = ids if content.kind == "image" else duplicates.exact_keys(frame, columns).tolist()
    return _Table(ids, frame, keys, {item.item_id: item for item in kept})


def _links(table: _Table, content: Content) -> Pairs:
    """The pairs that hold a cluster together: equal ones and near ones, in a crowd the nearest."""
    near = near_duplicates.near_duplicates(table.frame, content.columns, kind=content.kind)
    _, first, code = np.unique(np.array(table.keys), return_index=True, return_inverse=True)
    twins = np.flatnonzero(first[code] != np.arange(len(code)))
    both = Pairs(
        np.concatenate([first[code[twins]], near.first]),
        np.concatenate([twins, near.second]),
        np.concatenate([np.ones(len(twins)), near.similarity]),
    )
    return pairs.thinned(both, len(table.ids), most=most_copies(len(table.ids)))


def most_copies(n_items: int) -> int:
    """How long a chain of near-duplicates may be: a longer one is a template, and no copies.

    >>> most_copies(16), most_copies(80), most_copies(100_000)
    (4, 10, 50)
    """
    return min(CROWD, max(FEW, n_items // PART))


class _Chain(NamedTuple):
    """What a new item's near-duplicates come to: a cluster, and the side where it is settled."""

    name: str
    side: str


def _chains(table: _Table, links: Pairs) -> dict[str, _Chain]:
    """The chain of each new item, by new near-duplicates only; what they touch settles the side."""
    n, new = len(table.ids), table.is_new()
    copy = pairs.copies(links, n)
    one, other = copy[links.first], copy[links.second]
    fresh = np.zeros(n, dtype=bool)
    fresh[copy[new]] = True
    both = fresh[one] & fresh[other]
    joined = Pairs(np.minimum(one, other), np.maximum(one, other), links.similarity).where(both)
    chain = pairs.clusters(joined, n)[copy]
    met = _met(table, copy, np.stack([np.r_[one, other, copy], np.r_[other, one, copy]]), chain)
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(new).tolist():
        members.setdefault(int(chain[row]), []).append(row)
    found = {head: _settled(table, rows, met.get(head, set())) for head, rows in members.items()}
    return {table.ids[row]: found[head] for head, rows in members.items() for row in rows}


def _met(
    table: _Table, copy: np.ndarray, steps: np.ndarray, chain: np.ndarray
) -> dict[int, set[tuple[str, str]]]:
    """The (side, cluster) of the known items that each chain touches, `steps` from whom to whom."""
    there: dict[int, set[tuple[str, str]]] = {}
    for row, item in enumerate(table.ids):
        if item in table.known:
            own = table.known[item]
            there.setdefault(int(copy[row]), set()).add((own.side, own.cluster))
    met: dict[int, set[tuple[str, str]]] = {}
    for here, beside in zip(*steps.tolist(), strict=True):
        if beside in there:
            met.setdefault(int(chain[here]), set()).update(there[beside])
    return met


def _settled(table: _Table, rows: Sequence[int], met: Collection[tuple[str, str]]) -> _Chain:
    """The name is one of those that it touches, or the least of its own."""
    sides = {side for side, _ in met}
    if len(sides) > 1:
        return _Chain(min(table.ids[row] for row in rows), ASIDE)
    names = [cluster for _, cluster in met] or [table.keys[row] for row in rows]
    return _Chain(min(names), next(iter(sides), ""))
