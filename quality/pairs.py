"""Pairs of near-duplicates, and what follows from them: copies, clusters, the nearest row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quality.hashes import Ints, Longs, decode, encode

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEARER = (0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class Pairs(NamedTuple):
    """Pairs of rows, int (pairs,) each, first < second; similarity float in [0, 1], 1 = the same.

    Each pair stands once, in the order of the rows. Rows that are the same are paired with the
    earliest of them alone, and a near-duplicate of theirs may be paired with the earliest alone.
    """

    first: Ints
    second: Ints
    similarity: Floats

    def where(self, kept: Bools) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.first[kept], self.second[kept], self.similarity[kept])


class Nearest(NamedTuple):
    """For some rows, int (rows,) in order, the row nearest to each and their similarity."""

    row: Ints
    other: Ints
    similarity: Floats

    def where(self, kept: Bools) -> Nearest:
        """Some of the rows."""
        return Nearest(self.row[kept], self.other[kept], self.similarity[kept])


def distinct(keys: Longs, known: Bools) -> tuple[Ints, Ints]:
    """The earliest row of each key, in the order of the keys, and each row's earliest, int (n,).

    The order depends on the keys alone, so that it is the same however the rows are shuffled. A
    row that is not `known` (blank) stands alone and is nobody's.
    """
    rows = np.flatnonzero(known)
    _, first, group = np.unique(keys[rows], return_index=True, return_inverse=True)
    earliest = np.arange(len(keys), dtype=np.int64)
    earliest[rows] = rows[first][group]
    return rows[first], earliest


def paired(earliest: Ints, first: Ints, second: Ints, similarity: Floats) -> Pairs:
    """The near pairs with, for each row that has an earlier twin, the pair of these two."""
    twins = np.flatnonzero(earliest != np.arange(len(earliest)))
    codes = np.concatenate([encode(earliest[twins], twins), encode(first, second)])
    values = np.concatenate([np.ones(len(twins)), similarity])
    order = np.argsort(codes)
    return Pairs(*decode(codes[order]), values[order])


def without(pairs: Pairs, n: int, *, apart: tuple[Ints, Ints]) -> Pairs:
    """The pairs less those that somebody marked "not the same": `apart`, two int arrays of rows.

    A mark holds for the copies of its two rows as well, since a pair may stand for them; a mark
    between two copies takes out the pair of just these, if there is one.
    """
    first, second = (np.asarray(side, dtype=np.int64) for side in apart)
    copy, codes = copies(pairs, n), encode(pairs.first, pairs.second)
    marked = np.isin(codes, encode(first, second), kind="sort")
    stands_for = encode(copy[pairs.first], copy[pairs.second])
    meant = np.isin(stands_for, encode(copy[first], copy[second]), kind="sort")
    return pairs.where(~marked & ~(meant & (pairs.similarity < 1.0)))


def clusters(pairs: Pairs, n: int, *, apart: tuple[Ints, Ints] | None = None) -> Ints:
    """The cluster of each of n rows, int (n,): the earliest row that a chain of pairs leads to.

    Pairs marked "not the same" (`apart`, as in `without`) join nothing. A third row that is near to
    both of the marked ones still brings them into one cluster, as long as neither of its own pairs
    is marked: a cluster is what stays on one side of the wall, and there too much is the safe side.
    Two rows are merged because of a pair of theirs, never because a cluster holds both.
    """
    kept = pairs if apart is None else without(pairs, n, apart=apart)
    return _components(kept.first, kept.second, n)


def thinned(pairs: Pairs, n: int, *, most: int) -> Pairs:
    """The pairs, less those that chain more than `most` of n rows: of these only the nearer ones.

    Rows made from one template are all a little alike. In such a crowd pairs count from the next
    level of `NEARER` on, until no chain of more than `most` rows is left, or copies only.
    """
    for level in NEARER:
        label = _components(pairs.first, pairs.second, n)
        crowded = np.bincount(label, minlength=n)[label] > most
        pairs = pairs.where(~crowded[pairs.first] | (pairs.similarity >= level))
    return pairs


def copies(pairs: Pairs, n: int) -> Ints:
    """The earliest row that is the same as each of n rows, int (n,); itself where none is."""
    same = pairs.similarity == 1.0
    return _components(pairs.first[same], pairs.second[same], n)


def _components(first: Ints, second: Ints, n: int) -> Ints:
    """The smallest row that each row is joined with, int (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    smallest: Ints = np.full(n, n, dtype=np.int64)
    np.minimum.at(smallest, label, np.arange(n))
    return np.asarray(smallest[label], dtype=np.int64)


def across(pairs: Pairs, *, here: Bools, there: Bools) -> Nearest:
    """The rows of `here`, bool (n,), with a near-duplicate among `there`, and the nearest to each.

    The two sides share no row. Of equally near ones the earliest. What is near to a row is as near
    to its copies.
    """
    n = len(here)
    copy, there_rows = copies(pairs, n), np.flatnonzero(there)
    lowest = np.full(n, n, dtype=np.int64)  # of each row and its copies, the earliest over there
    np.minimum.at(lowest, copy[there_rows], there_rows)
    source, target, similarity = _both_ways(pairs, copy, np.flatnonzero(lowest < n))
    reached = lowest[target] < n
    source, other, similarity = source[reached], lowest[target[reached]], similarity[reached]
    best = best_of(source, other, similarity)
    place = np.full(n, -1, dtype=np.int64)
    place[source[best]] = best
    rows = np.flatnonzero(here & (place[copy] >= 0))
    chosen = place[copy[rows]]
    return Nearest(rows, other[chosen], similarity[chosen])


def _both_ways(pairs: Pairs, copy: Ints, same: Ints) -> tuple[Ints, Ints, Floats]:
    """From whom to whom and how near: all pairs in both directions, and `same` to themselves."""
    first, second = copy[pairs.first], copy[pairs.second]
    source, target = np.concatenate([first, second, same]), np.concatenate([second, first, same])
    ones = np.ones(len(same))
    return source, target, np.concatenate([pairs.similarity, pairs.similarity, ones])


def earlier(pairs: Pairs) -> Nearest:
    """The rows with a near-duplicate in an earlier row, and the nearest of these to each."""
    best = best_of(pairs.second, pairs.first, pairs.similarity)
    return Nearest(pairs.second[best], pairs.first[best], pairs.similarity[best])


def best_of(source: Ints | Longs, other: Ints, similarity: Floats) -> Ints:
    """Where the most similar entry of each source stands, sources in order; ties: least other."""
    order = np.lexsort((other, -similarity, source))
    new = np.ones(len(order), dtype=bool)
    new[1:] = source[order[1:]] != source[order[:-1]]
    return order[new]
